"""What the tests of links share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.namespaces import Namespaces


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    """Two namespaces without a cable."""
    both = Namespaces()
    both.open()
    try:
        yield both
    finally:
        both.close()
