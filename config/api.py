"""The REST interface: what both parts of it share, and how every failure is told."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, Throttled, ValidationError
from ninja.openapi.schema import OpenAPISchema

from config.docs import Pages
from config.errors import DATABASE_RETRY_S
from config.problems import CODES, problem
from processing.access import NotAllowed
from processing.api import audit, presets, results, sessions
from processing.bodies import json_only
from processing.callers import TokenAuth, caller_of
from processing.idempotency import idempotent
from processing.management.failures import EXPECTED, ConfirmationNeeded, failure_of
from processing.models import StepRefused
from processing.schemas import Problem, refusals
from processing.states import Status
from recovery.api import router as recovery_router

logger = logging.getLogger(__name__)

DESCRIPTION = (
    "Proofs photos for stock agencies. Errors are RFC 9457 problems, lists are paged by key, and every POST takes an "
    "Idempotency-Key. Sign in, or send `Authorization: Bearer TOKEN`."
)
# What the exit codes of commands (interface §3) are as statuses.
STATUSES = {2: 422, 4: 404, 5: 409, 6: 409, 7: 428}
HINTS = {
    Status.PAUSED: "POST /api/recovery/sessions/{session}/resume lets it go on.",
    Status.FAILED: "POST /api/recovery/sessions/{session}/recover lets it go on.",
    Status.INTERRUPTED: "POST /api/recovery/sessions/{session}/recover lets it go on.",
    Status.CANCELLED: 'POST /api/v1/sessions with "new": true begins another one.',
    Status.COMPLETED: "GET /api/v1/sessions/{session}/results lists its verdicts.",
}


class Interface(NinjaAPI):
    """Ours: its description knows problems, and those of a body wherever there is one."""

    described: OpenAPISchema | None = None

    def get_openapi_schema(self, **values: Any) -> OpenAPISchema:
        """Give the description of every operation. It is made once, since that takes 0.4 s."""
        if self.described is None:
            self.described = self._describe(**values)
        return self.described

    def _describe(self, **values: Any) -> OpenAPISchema:
        described = super().get_openapi_schema(**values)
        described["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        _add_examples_of_pages(described["components"]["schemas"])
        scopes, of_bodies = self._scopes(), refusals(413, 415)
        for operations in described["paths"].values():
            for operation in operations.values():
                operation["security"][0] = {TokenAuth.__name__: [scopes[operation["operationId"]]]}
                if "requestBody" in operation:
                    operation["responses"] = of_bodies | operation["responses"]
        return described

    def _scopes(self) -> dict[str, str]:
        """Give the scope of each operation: which method of auth is which, ninja knows, but not what it asks for."""
        views = [view for bound in self._get_bound_routers() for view in bound.path_operations.values()]
        return {
            str(operation.operation_id): auth.scope.value
            for view in views
            for operation in view.operations
            for auth in operation.auth_callbacks
            if isinstance(auth, TokenAuth)
        }


def _add_examples_of_pages(schemas: dict[str, Any]) -> None:
    """Give the shape of a page the example of what is on it."""
    for schema in schemas.values():
        item = schema.get("properties", {}).get("items", {}).get("items", {}).get("$ref")
        if item is not None:
            examples = schemas[item.rpartition("/")[2]]["examples"]
            schema.setdefault("examples", [{"items": examples, "next": None}])


def known_caller(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show the description to whoever may call, and to nobody else."""

    def shown(request: HttpRequest, **values: Any) -> HttpResponse:
        try:
            caller = caller_of(request)
        except Throttled as error:
            return say_throttled(request, error)
        if caller is None:
            return problem(request, 401, "unauthorized", "Only who is known may read this.")
        return view(request, **values)

    return shown


api = Interface(
    title="Stockproof",
    version="1",
    description=DESCRIPTION,
    openapi_url="/v1/openapi.json",
    docs=Pages(),
    docs_url="/v1/docs",
    docs_decorator=known_caller,
    urls_namespace="api",
)
for prefix, router in (
    ("/v1/", sessions.router),
    ("/v1/", results.router),
    ("/v1/", presets.router),
    ("/v1/", audit.router),
    ("/recovery/", recovery_router),
):
    # The last one is the outermost.
    router.add_decorator(idempotent, mode="view")
    router.add_decorator(json_only, mode="view")
    api.add_router(prefix, router)


def say_wrong_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Say of each wrong value where it stands and why it is wrong."""
    errors = [{"where": _place_of(one["loc"]), "why": str(one["msg"])} for one in error.errors]
    detail = "; ".join(f"{one['where']}: {one['why']}" for one in errors)
    return problem(request, 422, "usage", detail, errors=errors)


def _place_of(loc: tuple[str | int, ...]) -> str:
    """Name a place in what was sent; what the operation calls its body is nothing to the caller."""
    return ".".join(str(part) for number, part in enumerate(loc) if (loc[0], number) != ("body", 1))


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


def say_database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say that the database does not answer, and no more: its own words name hosts and people."""
    logger.error("database did not answer", exc_info=error)
    answer = problem(request, 503, "database_unreachable", "The database does not answer.")
    answer.headers["Retry-After"] = str(DATABASE_RETRY_S)
    return answer


def say_failure(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say what a command would say that fails in the same way. An error that no caller can mend goes on to the log."""
    failure = failure_of(error)
    status = STATUSES.get(failure.exit_code)
    if status is None:
        raise error
    hint = _hint_of(error) or failure.hint
    return problem(request, status, failure.code, str(failure), hint=hint, session=failure.session)


def _hint_of(error: Exception) -> str:
    """Say what to send, where a command's hint would name a command."""
    if isinstance(error, StepRefused):
        return HINTS.get(error.status, "").format(session=error.session.pk)
    return 'Send "confirmed": true.' if failure_of(error).exit_code == ConfirmationNeeded.exit_code else ""


HANDLERS: dict[type[Exception], Any] = {
    **dict.fromkeys(EXPECTED, say_failure),
    ValidationError: say_wrong_input,
    Throttled: say_throttled,
    HttpError: say_refused,
    PermissionDenied: say_not_allowed,
    Http404: say_not_found,
    OperationalError: say_database_away,
    InterfaceError: say_database_away,
}
for kind, handler in HANDLERS.items():
    api.add_exception_handler(kind, handler)
