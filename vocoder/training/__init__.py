"""Training of the vocoder, and of codec and vocoder together (the extra `train`)."""
