"""An application whose graph and runs are shown to an assistant; it prints, as applications do."""

from cnstra import MemoryStore
from tests.devtools.shop import Shop

print("imported")  # noqa: T201 - it must not get in the way of the protocol

shop = Shop()
cns = shop.cns
registry = shop.registry
runner = shop.runner(MemoryStore())
