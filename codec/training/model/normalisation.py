"""The scale on which networks see features: values in 0..1, moved round 0 and spread."""

from __future__ import annotations

from torch import Tensor

CENTRE, SPREAD = 0.4, 4.0
"""Centre and factor of `normalise`: about the mean of a feature, and about one over four times its deviation."""
LOWEST, HIGHEST = SPREAD * (0.0 - CENTRE), SPREAD * (1.0 - CENTRE)
"""Ends of the scale."""


def normalise(features: Tensor) -> Tensor:
    """Return features in 0..1 on the scale of the networks, -1.6..2.4, of the same shape."""
    return SPREAD * (features - CENTRE)
