"""Full precision for those products that need it, whatever a recipe's `precision` allows for the networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = ("highest", "high", "medium")
"""Precisions of products in PyTorch's words: float32, and down to bfloat16 where the processor can."""


@contextmanager
def full_precision() -> Iterator[None]:
    """Multiply in float32 inside the block."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
