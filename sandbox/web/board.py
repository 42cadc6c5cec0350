"""The board's page, style and script, from files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .messages import HTML, Response

FOLDER = Path(__file__).resolve().parent.parent / "board"
ASSETS = {
    "/": ("index.html", HTML),
    "/board.css": ("board.css", "text/css; charset=utf-8"),
    "/board.js": ("board.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


@cache
def template(name: str) -> str:
    """The text of one of the board's files."""
    return (FOLDER / name).read_text(encoding="utf-8")


def asset(path: str) -> Response:
    """A file of the board; 404 for any other path."""
    if path not in ASSETS:
        return Response.html("<h1>404 Not Found</h1>", 404)
    name, content_type = ASSETS[path]
    return Response(200, template(name).encode(), content_type, {"Cache-Control": "no-store"})
