"""Radios and their airtime."""
