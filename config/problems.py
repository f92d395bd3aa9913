"""Errors of the REST interface, as RFC 9457 says: `application/problem+json`."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config.middleware import REQUEST_ID_KEY

API = "/api/"
CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be understood",
    401: "Nobody known",
    403: "Not allowed",
    404: "Not found",
    405: "This address does not know that method",
    409: "The state does not allow it",
    413: "The request is too large",
    415: "This kind of content is not understood",
    422: "Something about the request is wrong",
    428: "A person has to say yes first",
    429: "Too many requests",
    500: "Something unexpected happened",
    503: "The database does not answer",
}
HINTS = {
    400: "Send a JSON object, with Content-Type: application/json.",
    401: "Send `Authorization: Bearer TOKEN`; `manage.py api_token create` makes one.",
    404: "The addresses are listed at /api/v1/docs.",
    415: "Send a JSON object, with Content-Type: application/json.",
    429: "Wait as long as Retry-After says.",
    500: "The log has more under this request id.",
    503: "Try again after a few seconds.",
}

CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    429: "throttled",
    503: "database_unreachable",
}


def is_api(request: HttpRequest) -> bool:
    """Whether a request is for the REST interface."""
    return request.path.startswith(API)


def problem(
    request: HttpRequest,
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    **more: Any,
) -> HttpResponse:
    """Answer with a problem; `code` is the word of the published errors, `more` are further members."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "code": code,
        "detail": detail,
        "hint": hint or HINTS.get(status, ""),
        "request_id": request.META.get(REQUEST_ID_KEY, ""),
        **more,
    }
    return HttpResponse(json.dumps(body), status=status, content_type=CONTENT_TYPE)


class Problems:
    """Middleware: whatever refuses a request to the REST interface, the answer is a problem."""

    def __init__(self, get_response: Any) -> None:
        """Keep what answers the request."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; an error that does not come from an operation is written anew, with the headers that matter."""
        response: HttpResponseBase = self.get_response(request)
        if response.status_code < 400 or not is_api(request):
            return response
        if response.headers.get("Content-Type", "").startswith(CONTENT_TYPE):
            return response
        return _written_anew(request, response)


def _written_anew(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    code = CODES.get(status, "unexpected" if status >= 500 else "usage")
    anew = problem(request, status, code, TITLES.get(status, response.reason_phrase) + ".")
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response.headers:
            anew.headers[name] = response.headers[name]
    return anew
