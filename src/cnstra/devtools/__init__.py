"""DevTools: the runs of a store in a browser, by an API, and live; needs ``cnstra[devtools]``."""

from __future__ import annotations

try:
    from cnstra.devtools.app import DevTools, devtools
    from cnstra.devtools.serving import Address, run, serve
except ImportError as missing:
    if (missing.name or "").startswith("cnstra"):  # then it is a fault of ours
        raise
    raise ImportError(f"DevTools need a web server: pip install 'cnstra[devtools]' ({missing})") from missing

__all__ = ["Address", "DevTools", "devtools", "run", "serve"]
