"""What the guard at the login knows a person by: a mark of the name, and the address."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from recovery.audit import plain_address

SALT = "stockproof.guard"


def name_mark(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Give a keyed mark of the name that was typed: 64 digits, however long or odd the name is.

    The guard counts failures by it, so that its table holds no name and no password that was typed as one.
    """
    field = get_user_model().USERNAME_FIELD
    name = request.POST.get(field, "") if credentials is None else credentials.get(field)
    return salted_hmac(SALT, str(name or ""), algorithm="sha256").hexdigest()


def client_address(request: HttpRequest) -> str | None:
    """Give the address that a request comes from, as the web server knows it; None behind a socket.

    The server puts there what a proxy says, where one is expected (config.web). What a request says of itself
    is worth nothing.
    """
    return plain_address(request.META.get("REMOTE_ADDR"))


def locked_s(request: HttpRequest, credentials: Mapping[str, Any] | None) -> int:
    """Give for how many seconds a person is still locked out: until the last failure that counted is old enough."""
    failures = AccessAttempt.objects.filter(
        username=name_mark(request, credentials), ip_address=client_address(request)
    )
    newest = failures.aggregate(at=Max("attempt_time"))["at"]
    passed = timedelta() if newest is None else timezone.now() - newest
    return max(ceil((settings.AXES_COOLOFF_TIME - passed).total_seconds()), 1)
