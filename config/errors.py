"""Error pages in the look, with the id by which the request is found in the logs; for HTMX the same as a part."""

import sys
from collections.abc import Mapping
from math import ceil
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import reswap, retarget

from config.guard import locked_s
from processing.access import NotAllowed

DATABASE_RETRY_S = 5
MINUTE_S = 60
PROBLEM = "#problem"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django hands it in by name
    """Answer a request that cannot be understood."""
    return _answer(request, "400.html", 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that this person may not make, with the reason where one is known."""
    why = str(exception) if isinstance(exception, NotAllowed) else ""
    return _answer(request, "403.html", 403, {"why": why})


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 -- Django hands it in by name
    """Answer a form without a valid sign that it comes from one of our pages."""
    return _answer(request, "403_csrf.html", 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django hands it in by name
    """Answer for what is not there, or not for this person."""
    return _answer(request, "404.html", 404)


def locked_out(
    request: HttpRequest,
    response: HttpResponse,  # noqa: ARG001 -- axes hands it in
    credentials: Mapping[str, Any] | None,
) -> HttpResponse:
    """Answer somebody who has typed too many wrong passwords, the same whether the name is somebody's or not."""
    wait_s = locked_s(request, credentials)
    answer = _answer(request, "429.html", 429, {"wait_s": ceil(wait_s / MINUTE_S) * MINUTE_S})
    answer.headers["Retry-After"] = str(wait_s)
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when the page failed, or the database did; neither template asks the database anything.

    Django calls this while it handles the exception, from wherever in a request it came: from a view, a template
    or the reading of a login. test: test_database_away_*.
    """
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _answer(request, "500.html", 500)
    answer = _answer(request, "503.html", 503)
    answer.headers["Retry-After"] = str(DATABASE_RETRY_S)
    return answer


def _answer(
    request: HttpRequest, template: str, status: int, context: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Draw the page, or for HTMX its sentences alone, for the place that base.html keeps for problems."""
    is_part = request.headers.get("HX-Request") == "true"
    frame = "problem.html" if is_part else "error.html"
    answer = render(request, template, {"frame": frame, **(context or {})}, status=status)
    return reswap(retarget(answer, PROBLEM), "innerHTML") if is_part else answer
