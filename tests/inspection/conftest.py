"""A shop whose runs are shown."""

from __future__ import annotations

import pytest

from tests.devtools.shop import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()
