"""Static files with hashed names, wherever `collectstatic` has been run; with their plain names elsewhere (tests)."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ForgivingManifestStorage(CompressedManifestStaticFilesStorage):
    """A file that no collectstatic has seen yet costs its caching, not the page."""

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
