"""The capacity of a link, counted before it is opened."""
