"""The table of radios."""

from __future__ import annotations

import pytest

from transport.address import parse_address
from transport.errors import LinkError
from transport.planning.planner import (
    MAX_SHARE,
    plan,
)
from transport.radio.radios import RADIOS, Radio


@pytest.mark.parametrize("radio", RADIOS.values(), ids=RADIOS)
def test_the_table_of_radios(radio: Radio) -> None:
    """Each has an address that means it, a source, and rows that get cheaper with k."""
    address = parse_address(radio.link)
    assert radio == address.radio and "" != radio.source
    shares = [row.share for row in plan(address)]
    assert shares == sorted(shares, reverse=True)
    assert all(row.fits == (row.share <= MAX_SHARE) for row in plan(address))


def test_a_radio_that_is_not_there() -> None:
    """An address may name none that the table does not have."""
    with pytest.raises(LinkError, match="gossamer plan"):
        parse_address("serial:///dev/ttyUSB0?radio=walkman")
