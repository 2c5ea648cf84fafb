"""What the words after `gossamer` do, a module for each family. Each `run` returns the exit code."""
