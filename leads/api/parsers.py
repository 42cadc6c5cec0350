"""Bodies of the API."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import parsers
from rest_framework.exceptions import APIException, ParseError

MAX_BYTES = 20 * 1024 * 1024


# Half of a character, which no answer that repeats it could be encoded with.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class TooLarge(APIException):
    status_code = 413
    default_detail = gettext_lazy("The body is larger than %(n)s MB.") % {"n": MAX_BYTES // 1024 // 1024}
    default_code = "too_large"


class JSONParser(parsers.JSONParser):
    """The REST framework's, which would read a body of any size, and which a deeply nested one brings down."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise TooLarge
        try:
            data: dict[str, Any] = super().parse(io.BytesIO(body), media_type, parser_context)
            if _SURROGATE.search(body):
                json.dumps(data, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError(_("The body is nested too deep.")) from None
        except UnicodeEncodeError:
            raise ParseError(_("The body holds half a character (a lone surrogate).")) from None
        return data
