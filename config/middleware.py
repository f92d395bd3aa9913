"""Strict headers and a request id on every response."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase

from config import logs

logger = logging.getLogger(__name__)

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
REQUEST_ID_KEY = "STOCKPROOF_REQUEST_ID"
PATH_LENGTH_MAX = 1000
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class StrictPages:
    """Sends the strict headers, and the id by which a request is found in the logs.

    It stands before everything else, so that what fails there has them too. An answer that does not say how long it
    may be kept is not kept at all. A sane `X-Request-ID` of a proxy is kept, so that one id leads through both logs.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep what answers the request."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with our headers."""
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)
        request.META[REQUEST_ID_KEY] = request_id
        # Django logs what became of a request after its last middleware, so nobody takes this back but the next one.
        logs.start_context(request_id=request_id)
        response = self._answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Request-ID"] = request_id
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and log it in one line; what follows a `?` is left out, people search for what is theirs."""
        begun = time.monotonic()
        response = self.get_response(request)
        facts = {
            "method": request.method,
            "path": request.path[:PATH_LENGTH_MAX],
            "status": response.status_code,
            "duration_s": round(time.monotonic() - begun, 4),
            "user": user_name(request),
        }
        logger.info("request answered", extra=facts)
        return response

    def process_view(
        self,
        request: HttpRequest,  # noqa: ARG002 -- Django hands it in
        view: Callable[..., Any],  # noqa: ARG002 -- the same
        args: list[Any],  # noqa: ARG002 -- the same
        kwargs: dict[str, Any],
    ) -> None:
        """Let the lines of this request say which session it is about."""
        if "session_id" in kwargs:
            logs.add_to_context(session=str(kwargs["session_id"]))


def user_name(request: HttpRequest) -> str | None:
    """Name who asked, if the request has found that out by now; None otherwise: a log line asks no database."""
    for known in (vars(request).get("user"), vars(request).get("_cached_user")):
        if type(known) is User:
            return known.get_username()
    return None
