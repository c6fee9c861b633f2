"""``cnstra runs``: what is stored of runs, and what can be done to them."""

from __future__ import annotations

from cnstra.cli.runs.app import app

__all__ = ["app"]
