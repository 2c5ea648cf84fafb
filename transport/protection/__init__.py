"""Channels: open, sealed (encrypted) and ham (signed)."""
