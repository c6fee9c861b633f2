"""What is shown of stored runs and of their graph, without the secrets in it; a face imports the modules it needs."""

from __future__ import annotations

__all__: list[str] = []
