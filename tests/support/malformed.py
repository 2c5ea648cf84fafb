"""What a bad link makes of good bytes, many inputs from one drawn by hypothesis: 20 000 of them in a few seconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

INPUTS = 20_000
INPUTS_AN_EXAMPLE = 40


def worsened(octets: bytes, material: bytes, chance: random.Random) -> bytes:
    """Return these bytes, some of them flipped, lost, repeated or replaced by drawn ones, or unchanged."""
    out = bytearray(octets)
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        at = chance.randrange(len(out) + 1)
        length = min(chance.choice([1, 1, 2, 7, 40]), len(out) - at)
        start = chance.randrange(len(material) + 1)
        drawn = material[start : start + chance.choice([1, 2, 7, 40])]
        match chance.randrange(5):
            case 0 if at < len(out):
                out[at] ^= 1 << chance.randrange(8)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length]
            case 3:
                out[at : at + length] = drawn
            case 4:
                out[at:at] = drawn
    return bytes(out)


def inputs(valid: Sequence[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy for lists of INPUTS_AN_EXAMPLE inputs: valid ones made worse, and bytes as drawn."""

    def make(material: bytes, seed: int) -> list[bytes]:
        chance = random.Random(seed)
        made = [worsened(chance.choice(valid), material, chance) for _ in range(INPUTS_AN_EXAMPLE * 3 // 4)]
        while len(made) < INPUTS_AN_EXAMPLE:
            start = chance.randrange(len(material) + 1)
            made.append(material[start : start + chance.choice([0, 1, 5, 20, 100, 500])])
        return made

    return st.builds(make, st.binary(max_size=1500), st.integers(0, 2**32 - 1))


def for_many_inputs(valid: Sequence[bytes]) -> Callable:
    """Decorate a test of one argument, a list of inputs, so that it sees 20 000 inputs in all."""

    def decorate(test: Callable) -> Callable:
        limited = settings(max_examples=INPUTS // INPUTS_AN_EXAMPLE, deadline=None)
        decorated: Callable = limited(given(inputs(valid))(test))
        return decorated

    return decorate
