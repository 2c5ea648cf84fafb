"""Measurements and pictures of packets and of sound."""
