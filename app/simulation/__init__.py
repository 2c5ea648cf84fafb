"""Codecs side by side on simulated links, in virtual time."""
