"""The engine in memory: signals, neurons, the network, the scheduler. Imports nothing but the standard library.

Everything of it that a user needs is in `cnstra` itself.
"""

from __future__ import annotations

__all__: list[str] = []
