"""Frames, overs and the floor."""
