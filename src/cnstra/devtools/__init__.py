"""DevTools: the runs of a store in a browser, by an API, and live; needs ``cnstra[devtools]``."""

from __future__ import annotations

from cnstra.devtools.app import DevTools, devtools

__all__ = ["DevTools", "devtools"]
