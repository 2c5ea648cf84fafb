"""Frames, floor, play-out and links: opaque payloads, bytes and clocks. docs/ has every byte and every rule."""
