"""Frames, floor, play-out and links: opaque payloads, bytes and clocks. See README.md for every byte on the wire."""
