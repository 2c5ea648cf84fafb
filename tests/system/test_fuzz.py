"""The fuzzer's targets on inputs that are known: all of them run, and none raises anything."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import seeds, targets
from tests.support.malformed import worsened

KNOWN = seeds()


@pytest.mark.parametrize("name", targets())
def test_targets_take_anything(name: str) -> None:
    """Every seed, and each made worse a few times, goes into every target."""
    target, chance = targets()[name], random.Random(1)
    material = chance.randbytes(500)
    for octets in [b"", *KNOWN]:
        for one in [octets, *(worsened(octets, material, chance) for _ in range(10))]:
            target(one)
