"""Radios, and how long bytes take on them."""
