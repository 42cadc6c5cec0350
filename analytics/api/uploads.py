"""Uploads of rows, as a JSON list, a CSV body or a form's file: what arrives, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.csv_rows import Unreadable
from analytics.spend.reading import MAX_BYTES, RawRow, rows_of_csv, rows_of_list
from analytics.spend.uploads import BadRow, Stored
from leads.api.parsers import JSONParser, MultiPartParser

# Enough to mend a file by; the sentence says how many there are in all.
MAX_BAD_ROWS = 1000


class CsvParser(BaseParser):
    """The body is the file."""

    media_type = "text/csv"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        content: bytes = stream.read(MAX_BYTES + 1)
        return content


class PlainParser(CsvParser):
    media_type = "text/plain"


class FileParser(CsvParser):
    media_type = "application/*"


PARSERS: list[type[BaseParser]] = [JSONParser, MultiPartParser, CsvParser, PlainParser, FileParser]


def uploaded_rows(request: Request, needed: Sequence[str]) -> list[RawRow]:
    """The rows of a JSON list, of a CSV body, or of a form's file. Raises ValidationError."""
    try:
        data: Any = request.data
        if isinstance(data, bytes):
            return rows_of_csv(_bounded(data), needed)
        if request.FILES:
            return rows_of_csv(_bounded(next(iter(request.FILES.values())).read(MAX_BYTES + 1)), needed)
        return rows_of_list(data)
    except Unreadable as error:
        raise exceptions.ValidationError(str(error)) from error


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise Unreadable(_("The file is larger than %(n)s MB.") % {"n": MAX_BYTES // 1024 // 1024})
    return content


def refused(bad: Sequence[BadRow]) -> Response:
    """400, naming each bad row."""
    rows = [
        {"row": row.row} | ({} if row.line is None else {"line": row.line}) | {"detail": row.detail}
        for row in bad[:MAX_BAD_ROWS]
    ]
    detail = _("Nothing was stored. Rows that cannot be meant: %(count)s. The first, row %(row)s: %(why)s") % {
        "count": len(bad),
        "row": bad[0].row,
        "why": bad[0].detail,
    }
    return Response({"detail": detail, "rows": rows}, status=status.HTTP_400_BAD_REQUEST)


def accepted(stored: Stored) -> Response:
    return Response({"created": stored.created, "updated": stored.updated})


class StoredSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField(help_text=gettext_lazy("Rows that were there and are replaced."))


class BadRowSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text=gettext_lazy("Counted from 1, without a file's header."))
    line = serializers.IntegerField(required=False, help_text=gettext_lazy("Of a file."))
    detail = serializers.CharField()


class BadRowsSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()
    rows = BadRowSerializer(many=True, required=False)


def upload_schema(summary: str, description: str, row: type[serializers.Serializer[Any]]) -> Any:
    return extend_schema(
        summary=summary,
        description=description,
        request={"application/json": row(many=True), "text/csv": OpenApiTypes.STR},
        responses={200: StoredSerializer, 400: OpenApiResponse(BadRowsSerializer, "Nothing is stored.")},
    )
