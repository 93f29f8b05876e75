"""The pages: a few static files, read once at start and served from memory.

A browser may keep them, but asks each time whether they are still the same (`ETag`); so a new
release is seen at the next visit, and nothing is fetched twice.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

import attrs
from quart_trio.wrappers import TrioResponse

STATIC: Final = Path(__file__).parent / "static"
_PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "/": ("index.html", "chat/index.html", "chat.html"),
    "/observer": ("observer.html", "observer/index.html"),
}
"""Where each page lies; the first one that is there."""
_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


@final
@attrs.frozen
class Page:
    """One file as it is served."""

    body: bytes = attrs.field(repr=False)
    content_type: str
    etag: str

    def answer(self, if_none_match: str | None) -> TrioResponse:
        """Return the file, or 304 when the client has it already."""
        if if_none_match is not None and self.etag in if_none_match:
            response = TrioResponse(b"", 304)
        else:
            response = TrioResponse(self.body, 200, content_type=self.content_type)
        response.headers["ETag"] = self.etag
        response.headers["Cache-Control"] = "no-cache"
        return response


def read_pages(folder: Path = STATIC) -> dict[str, Page]:
    """Return every page and static file by its path on the service."""
    files = {
        path.relative_to(folder).as_posix(): _page(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }
    pages = {f"/static/{name}": page for name, page in files.items()}
    for address, candidates in _PAGES.items():
        found = next((name for name in candidates if name in files), None)
        if found is not None:
            pages[address] = files[found]
    return pages


def _page(path: Path) -> Page:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Page(body, _TYPES[path.suffix], f'"{digest}"')
