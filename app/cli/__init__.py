"""The commands of `gossamer`, a module for each family.

`add_COMMAND(parser)` adds a command's flags, `run_COMMAND(arguments)` runs it and returns the exit code.
"""

EXIT_UNCONFIRMED = 3
"""Exit code of a command whose message was sent, and that nobody has confirmed."""
EXIT_PROBLEM = 2
"""Exit code of a command that failed, after one line on standard error that names cause and cure."""
