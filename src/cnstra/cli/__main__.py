"""``python -m cnstra.cli`` is ``cnstra``."""

from __future__ import annotations

from cnstra.cli import main

if __name__ == "__main__":
    main()
