"""The links, which move frames: the only part of transport with I/O and a clock."""
