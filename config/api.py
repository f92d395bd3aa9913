"""The REST interface: what both parts of it share, and how every failure is told."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, Throttled, ValidationError
from ninja.openapi.docs import Swagger

from config.problems import CODES, problem
from processing.access import NotAllowed
from processing.api import router as processing_router
from processing.callers import caller_of
from processing.idempotency import idempotent
from processing.management.failures import EXPECTED, failure_of
from recovery.api import router as recovery_router

DESCRIPTION = (
    "Proofs photos for stock agencies. Errors are RFC 9457 problems, lists are paged by key, and every POST takes an "
    "Idempotency-Key. Sign in, or send `Authorization: Bearer TOKEN`."
)
# What the exit codes of commands (interface §3) are as statuses.
STATUSES = {2: 422, 4: 404, 5: 409, 6: 409, 7: 428, 75: 503}


def known_caller(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show the description to whoever may call, and to nobody else."""

    def shown(request: HttpRequest, **values: Any) -> HttpResponse:
        if caller_of(request) is None:
            return problem(request, 401, "unauthorized", "Only who is known may read this.")
        return view(request, **values)

    return shown


api = NinjaAPI(
    title="Stockproof",
    version="1",
    description=DESCRIPTION,
    openapi_url="/v1/openapi.json",
    docs=Swagger(settings={"persistAuthorization": False}),
    docs_url="/v1/docs",
    docs_decorator=known_caller,
    urls_namespace="api",
)
for router in (processing_router, recovery_router):
    router.add_decorator(idempotent, mode="view")
api.add_router("/v1/", processing_router)
api.add_router("/recovery/", recovery_router)


def say_wrong_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Say of each wrong value where it stands and why it is wrong."""
    errors = [
        {"where": ".".join(str(part) for part in one["loc"]), "why": str(one["msg"])} for one in error.errors
    ]
    detail = "; ".join(f"{one['where']}: {one['why']}" for one in errors)
    return problem(request, 422, "usage", detail, errors=errors)


def say_throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    """Say how long to wait."""
    answer = problem(request, 429, "throttled", "That were more requests than are allowed.")
    answer.headers["Retry-After"] = str(error.wait or 1)
    return answer


def say_refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Say what an operation, or the look at who calls, has refused."""
    answer = problem(request, error.status_code, CODES.get(error.status_code, "usage"), str(error))
    if error.status_code == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="stockproof"'
    return answer


def say_not_allowed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say what a role does not allow."""
    why = str(error) if isinstance(error, NotAllowed) else "Your role does not allow it."
    return problem(request, 403, "forbidden", why)


def say_not_found(request: HttpRequest, _error: Exception) -> HttpResponse:
    """Say that something is not there, or not for this caller: the two are not told apart."""
    return problem(request, 404, "not_found", "There is no such thing, or it is not yours.")


def say_failure(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say what a command would say that fails in the same way."""
    failure = failure_of(error)
    status = STATUSES.get(failure.exit_code, 500)
    return problem(request, status, failure.code, str(failure), hint=failure.hint, session=failure.session)


HANDLERS: dict[type[Exception], Any] = {
    ValidationError: say_wrong_input,
    Throttled: say_throttled,
    HttpError: say_refused,
    PermissionDenied: say_not_allowed,
    Http404: say_not_found,
    **dict.fromkeys(EXPECTED, say_failure),
}
for kind, handler in HANDLERS.items():
    api.add_exception_handler(kind, handler)
