"""Links that move frames: the only part of transport that performs I/O."""
