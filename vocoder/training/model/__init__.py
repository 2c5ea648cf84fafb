"""The vocoder networks."""
