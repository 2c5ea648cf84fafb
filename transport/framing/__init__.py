"""Frames in a stream of bytes (COBS, KISS), and in AX.25."""
