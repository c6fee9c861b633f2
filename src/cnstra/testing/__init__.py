"""For those who write a store: the contract that every store keeps, and runs and deltas to test it with.

Needs pytest, and a plugin that runs asynchronous tests: ``pip install 'cnstra[testing]'`` brings both.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("cnstra.testing.store_contract")  # so that a failed assertion shows its values

from cnstra.testing import building  # noqa: E402 - after the line above
from cnstra.testing.store_contract import Ledger, StoreContract  # noqa: E402

__all__ = [
    "Ledger",
    "StoreContract",
    "building",
]
