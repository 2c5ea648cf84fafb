"""What a link can carry, counted before it is opened."""
