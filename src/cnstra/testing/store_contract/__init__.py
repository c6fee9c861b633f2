"""What every store does, whatever it keeps the runs in: a class of tests, to be inherited where there is a `store`.

The author of a store writes one fixture, which opens an empty store and closes it, and one class:

```python
import pytest
from cnstra.testing import StoreContract
from my_package import MyStore


@pytest.fixture
async def store():
    store = MyStore("my://test")
    await store.open()
    yield store
    await store.close()


class TestMyStore(StoreContract):
    pass
```

The tests and the fixture are asynchronous and run on asyncio by anyio's plugin for pytest, which needs no setting. For
a store that is transactional there is one more fixture, ``ledger``: see `cnstra.testing.Ledger`.
"""

from __future__ import annotations

import pytest

from cnstra.testing.store_contract.aborts import AbortContract
from cnstra.testing.store_contract.admission import AdmissionContract
from cnstra.testing.store_contract.attempts import AttemptContract
from cnstra.testing.store_contract.changes import ChangeContract
from cnstra.testing.store_contract.claims import ClaimContract
from cnstra.testing.store_contract.commands import CommandContract
from cnstra.testing.store_contract.commits import CommitContract
from cnstra.testing.store_contract.filters import FilterContract
from cnstra.testing.store_contract.history import HistoryContract
from cnstra.testing.store_contract.limiting import LimitContract
from cnstra.testing.store_contract.listing import ListContract
from cnstra.testing.store_contract.marks import MarkContract
from cnstra.testing.store_contract.poison import PoisonContract
from cnstra.testing.store_contract.removal import RemovalContract
from cnstra.testing.store_contract.retrying import RetryContract
from cnstra.testing.store_contract.sharing import SharingContract
from cnstra.testing.store_contract.taking import TakeContract
from cnstra.testing.store_contract.transactions import Ledger, TransactionContract
from cnstra.testing.store_contract.waiting import WaitingContract
from cnstra.testing.store_contract.workers import WorkerContract

__all__ = ["Ledger", "StoreContract"]


class StoreContract(
    AdmissionContract,
    CommitContract,
    AttemptContract,
    ClaimContract,
    WaitingContract,
    LimitContract,
    PoisonContract,
    AbortContract,
    TakeContract,
    RetryContract,
    HistoryContract,
    ListContract,
    FilterContract,
    RemovalContract,
    WorkerContract,
    MarkContract,
    CommandContract,
    ChangeContract,
    SharingContract,
    TransactionContract,
):
    """All of it."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture(scope="session")
    @classmethod
    def anyio_backend(cls) -> str:
        """Run every test on asyncio, the loop that the engine is for."""
        return "asyncio"
