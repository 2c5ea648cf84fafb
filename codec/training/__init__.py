"""Training of the codec (the extra `train`)."""
