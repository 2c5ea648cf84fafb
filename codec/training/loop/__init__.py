"""The training loop, its configuration, its checkpoints, and training in several processes."""
