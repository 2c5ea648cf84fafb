"""Frames on a stream of bytes, and AX.25."""
