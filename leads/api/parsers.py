"""Bodies of the API."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError

# Half of a character, which no answer that repeats it could be encoded with.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class JSONParser(parsers.JSONParser):
    """The REST framework's, which a deeply nested body brings down, and which says what is wrong in Python's words."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read()
        try:
            data: dict[str, Any] = super().parse(io.BytesIO(body), media_type, parser_context)
            if _SURROGATE.search(body):
                json.dumps(data, ensure_ascii=False).encode()
        except ParseError as error:
            raise ParseError(_why(error.__context__)) from error
        except RecursionError:
            raise ParseError(_("The body is nested too deep.")) from None
        except UnicodeEncodeError:
            raise ParseError(_("The body holds half a character (a lone surrogate).")) from None
        return data


def _why(cause: BaseException | None) -> str:
    if isinstance(cause, json.JSONDecodeError):
        place = {"line": cause.lineno, "column": cause.colno}
        return _("The body is no JSON: look at line %(line)s, column %(column)s.") % place
    if isinstance(cause, UnicodeError):
        return _("The body is no text in UTF-8.")
    return _("The body is no JSON: it holds a number that none is.")  # NaN, or one of thousands of digits


class MultiPartParser(parsers.MultiPartParser):
    """The REST framework's, with a refusal that people understand."""

    def parse(self, *args: Any, **options: Any) -> Any:
        try:
            return super().parse(*args, **options)
        except ParseError as error:
            raise ParseError(_("The form cannot be read: its “boundary” is missing or is not the body's.")) from error
