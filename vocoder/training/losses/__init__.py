"""Losses of sound."""
