"""What a training stage refuses."""

from __future__ import annotations


class TrainingError(Exception):
    """The run cannot start; the message names the cause and the cure."""
