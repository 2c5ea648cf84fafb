"""Microphones, loudspeakers and sound files."""
