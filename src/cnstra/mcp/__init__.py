"""Graphs and runs for assistants, by the Model Context Protocol; needs ``cnstra[mcp]``."""

from __future__ import annotations

try:
    from cnstra.mcp.server import mcp_server
    from cnstra.mcp.serving import run_http, run_stdio
except ImportError as missing:
    if (missing.name or "").startswith("cnstra"):  # then it is a fault of ours
        raise
    raise ImportError(f"a server for assistants needs an SDK: pip install 'cnstra[mcp]' ({missing})") from missing

__all__ = ["mcp_server", "run_http", "run_stdio"]
