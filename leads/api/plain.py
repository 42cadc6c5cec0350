"""What views have to do by themselves that answer programs without the REST framework."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

_SAFE = ("GET", "HEAD")


def for_reading(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Any other method is 405 with a `detail`; without this, the want of a form's token would come first, as a page."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in _SAFE:
            return view(request, *args, **kwargs)
        detail = _("Use GET: “%s” is not for this address.") % request.method
        return JsonResponse({"detail": detail}, status=405, headers={"Allow": ", ".join(_SAFE)})

    return answer
