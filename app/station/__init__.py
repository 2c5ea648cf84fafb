"""A running station: the engine that takes commands and emits events, and its parts."""
