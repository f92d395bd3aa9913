"""What the REST interface reads of a request's body: JSON that says so, and no more of it than Django's limit."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from config.problems import problem

JSON = "application/json"
Run = Callable[..., HttpResponse]


def json_only(run: Run) -> Run:
    """Wrap an operation: refuse a body that is too large, or that is not said to be JSON."""

    @wraps(run)
    def wrapped(request: HttpRequest, **values: Any) -> HttpResponse:
        try:
            has_body = bool(request.body)
        except RequestDataTooBig as error:
            return problem(request, 413, "usage", str(error))
        if has_body and request.content_type != JSON:
            return problem(
                request, 415, "usage", f"A body is sent as {JSON}, not as {request.content_type!r}."
            )
        return run(request, **values)

    return wrapped
