"""The built page, served from the package: exactly the files that are there, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnstra.devtools.pages import PAGE_POLICY, missing_page
from cnstra.devtools.problems import not_found

__all__ = ["BUILT_PAGE", "StaticFiles"]

BUILT_PAGE: Final = Path(__file__).parent / "static"
"""Where the build puts the page."""

_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_INDEX: Final = "index.html"
_HASHED: Final = "assets/"  # the build names these by their content


@final
class StaticFiles:
    """Serves the files of one folder, which are listed once: a path is looked up, and never put together.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path = BUILT_PAGE) -> None:
        self._files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if _is_own(path)}

    def routes(self) -> list[Route]:
        """Return the routes, which take every path that is left."""
        return [Route("/", self.show_page), Route("/{path:path}", self.show_file)]

    async def show_page(self, request: Request) -> Response:
        """Show the page, or how to get it."""
        if _INDEX not in self._files:
            return missing_page(str(request.scope.get("root_path", "")))
        return self._response(_INDEX)

    async def show_file(self, request: Request) -> Response:
        """Show one file."""
        name = request.path_params["path"]
        if name not in self._files:
            raise not_found("there is no such page or file")
        return self._response(name)

    def _response(self, name: str) -> Response:
        path = self._files[name]
        caching = "private, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache"
        headers = {"Cache-Control": caching, "Content-Security-Policy": PAGE_POLICY}
        return Response(path.read_bytes(), headers=headers, media_type=_TYPES[path.suffix])


def _is_own(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.suffix in _TYPES
