"""``cnstra mcp``: the graph and the runs for assistants, and making a server known to them."""

from __future__ import annotations

from cnstra.cli.mcp.app import app

__all__ = ["app"]
