"""Sealed and signed channels."""
