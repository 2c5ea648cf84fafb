"""What a link carries, counted before it is used."""
