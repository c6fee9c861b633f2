"""Payloads, axons and collaterals that the cases share, as a user would write them."""

from dataclasses import dataclass

from cnstra import Axon, collateral


@dataclass(frozen=True, slots=True)
class Started:
    import_id: str


@dataclass(frozen=True, slots=True)
class Created:
    deck_id: str


@dataclass
class Progress:
    cards: int = 0


class Settings:
    retries = 3


class DeckAxon(Axon):
    created = collateral(Created)
    closed = collateral(type(None))


class CardAxon(Axon):
    started = collateral(Started)


started = collateral(Started)
restarted = collateral(Started)
created = collateral(Created)


def ignore(value: object) -> None:
    """Make a statement out of an expression inside a lambda."""
