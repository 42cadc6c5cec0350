"""amoCRM's error bodies."""

from __future__ import annotations

from typing import Any

from sandbox.web.messages import HTML, PROBLEM, Response

TITLES = {
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 422: "Unprocessable Entity", 429: "Too Many Requests",
}  # fmt: skip
DETAILS = {
    401: "Неверный логин или пароль",
    402: "Payment required",
    403: "Forbidden",
    429: "You have sent too many requests in a given amount of time. Please try again later.",
    500: "Our team are probably already working on the elimination of the problem",
}
HTML_TITLES = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


class ApiError(Exception):
    """A refusal, to be answered with `status` and a problem body."""

    def __init__(self, status: int, detail: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.extra = extra

    def response(self) -> Response:
        """The problem as amoCRM words it."""
        return problem(self.status, self.detail, **self.extra)


def invalid(path: str, code: str = "NotSupportedChoice", request_id: str = "0") -> ApiError:
    """A 400 for one value of one entity of the request."""
    error = {"code": code, "path": path, "detail": "The value you selected is not a valid choice."}
    rows = [{"request_id": request_id, "errors": [error]}]
    return ApiError(400, "Request validation failed", **{"validation-errors": rows})


def problem(status: int, detail: str = "", *, retry_after: int = 0, **extra: Any) -> Response:
    """A JSON error body with its status."""
    if status == 500:
        body = {"title": "ErrInternalServer", "status": 500, "detail": DETAILS[500], "trace_id": "8e9b1e47-sandbox"}
        return Response.of(body, 500, PROBLEM)
    body = {
        **extra, "title": TITLES.get(status) or HTML_TITLES.get(status, "Error"),
        "type": f"https://httpstatus.es/{status}", "status": status, "detail": detail or DETAILS.get(status, ""),
    }  # fmt: skip
    if retry_after:
        body["retry_after"] = retry_after
    return _with_retry(Response.of(body, status, PROBLEM), retry_after)


def page(status: int, *, retry_after: int = 0) -> Response:
    """The HTML that stands in front of amoCRM when it does not answer itself, or does not want to."""
    title = HTML_TITLES.get(status) or TITLES.get(status, "Error")
    text = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1>"
        "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return _with_retry(Response(status, text.encode(), HTML), retry_after)


def _with_retry(response: Response, retry_after: int) -> Response:
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response
