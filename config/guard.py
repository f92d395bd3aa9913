"""What the guard at the login knows a person by: a mark of the name, and the address."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest
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


def cool_off_s() -> int:
    """Give how long somebody is locked out after the last failure that counted, in seconds."""
    return int(settings.AXES_COOLOFF_TIME.total_seconds())
