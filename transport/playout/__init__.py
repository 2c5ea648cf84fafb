"""Play-out by deadline."""
