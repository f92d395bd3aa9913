"""What those who run the product ask it: whether it is ready, and numbers for Prometheus."""

import ipaddress
import math
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from ninja.errors import Throttled
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from processing import disks
from processing.callers import caller_of
from processing.management import readiness
from processing.models import Scope, Worker
from recovery.metrics import exposition

if TYPE_CHECKING:
    from collections.abc import Callable

DATABASE_ERRORS = (DatabaseError, InterfaceError)


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Say whether photos would be worked on now: 200, or 503 with what is missing; and what will be soon."""
    missing = _missing()
    warnings = [f"disk {room.name} is getting full" for room in disks.low_rooms()]
    body = {"ready": not missing, "missing": missing, "warnings": warnings}
    return JsonResponse(body, status=503 if missing else 200)


def _missing() -> list[str]:
    """Ask in this order, and no further than the first no: what follows needs what comes before."""
    steps: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("database", _answers),
        ("migrations", readiness.is_migrated),
        ("workers", _has_workers),
    )
    for name, is_there in steps:
        try:
            if not is_there():
                return [name]
        except DATABASE_ERRORS:
            connection.close()
            return ["database"]
    return []


def _answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _has_workers() -> bool:
    silent = Worker.objects.silent(settings.CRASH_DETECTION_TIMEOUT_S).order_by().values("pk")
    return Worker.objects.living().laborers().exclude(pk__in=silent).exists()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the numbers to this machine itself, and to a token with the scope read or admin."""
    refusal = None if _is_of_this_machine(request) else _refusal(request)
    if refusal is not None:
        return refusal
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_of_this_machine(request: HttpRequest) -> bool:
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _refusal(request: HttpRequest) -> HttpResponse | None:
    try:
        caller = caller_of(request)
    except Throttled as error:
        return _plain(429, "Too many requests.", {"Retry-After": str(math.ceil(error.wait or 1))})
    if caller is None or caller.token is None:
        return _plain(401, "Send a token.", {"WWW-Authenticate": 'Bearer realm="stockproof"'})
    if caller.has(Scope.READ) or caller.has(Scope.ADMIN):
        return None
    return _plain(403, "The token has neither the scope read nor admin.", {})


def _plain(status: int, text: str, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, headers=headers, content_type="text/plain; charset=utf-8")
