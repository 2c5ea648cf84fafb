"""Losses on sound."""
