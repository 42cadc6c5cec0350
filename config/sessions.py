"""Django's sessions, of whose keys the database knows only the digests: who reads a dump signs in as nobody."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from leads.models.tokens import digest

COLUMN_LENGTH = 40


def _stored(session_key: str) -> str:
    return digest(session_key)[:COLUMN_LENGTH]


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        living = self.model.objects.filter(expire_date__gt=timezone.now())
        row = living.filter(session_key=_stored(self.session_key or "")).first()
        if row is None:
            self._session_key = None
            return {}
        return dict(self.decode(row.session_data))

    def exists(self, session_key: str) -> bool:
        return super().exists(_stored(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        row.session_key = _stored(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            super().delete(_stored(key))
