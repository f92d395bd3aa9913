"""Who comes in, who is turned away and who goes: entries of the audit log.

Django's signals are used because the login page and the administration's own have nothing else in common.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from config.guard import client_address, name_mark
from processing.throttle import Buckets
from recovery.audit import DONE, Action, record

# A try during a lock-out costs us no hash, so it comes a hundred times faster than another, and each entry holds the
# end of the log: one a minute is recorded of each name and address. test: test_tries_during_a_lock_out_*.
MEANWHILE = Buckets(rate_per_s=1 / 60, burst=1)
WRONG = "refused: The name or the password was wrong."
LOCKED = "refused: Locked out for some time after too many wrong passwords."


def watch_logins() -> None:
    """Record every login, failed login and logout from now on."""
    user_logged_in.connect(_came_in, dispatch_uid="audit login")
    user_login_failed.connect(_was_turned_away, dispatch_uid="audit login_failed")
    user_logged_out.connect(_went, dispatch_uid="audit logout")


def _came_in(*, request: HttpRequest, user: AbstractBaseUser, **_signal: Any) -> None:
    _record(Action.LOGIN, user.get_username(), request)


def _was_turned_away(*, credentials: Mapping[str, Any], request: HttpRequest, **_signal: Any) -> None:
    """Name the person only if there is one of that name: people type passwords into the wrong field.

    By now the guard has said in the request whether this failure locks them out, or found them locked out.
    """
    if _is_one_more(request, credentials):
        return
    people = get_user_model()
    name = str(credentials.get(people.USERNAME_FIELD, ""))
    is_known = people.objects.filter(**{people.USERNAME_FIELD: name}).exists()
    is_locked = getattr(request, "axes_locked_out", False)
    _record(Action.LOGIN_FAILED, name if is_known else "", request, LOCKED if is_locked else WRONG)


def _is_one_more(request: HttpRequest, credentials: Mapping[str, Any]) -> bool:
    """Say whether this try was made during a lock-out of which one was recorded a moment ago."""
    has_locked_now = getattr(request, "axes_failures_since_start", None) is not None
    if has_locked_now or not getattr(request, "axes_locked_out", False):
        return False
    return MEANWHILE.take(f"{name_mark(request, credentials)} {client_address(request)}") > 0


def _went(*, request: HttpRequest, user: AbstractBaseUser | None, **_signal: Any) -> None:
    if user is not None:
        _record(Action.LOGOUT, user.get_username(), request)


def _record(action: Action, actor: str, request: HttpRequest, outcome: str = DONE) -> None:
    with transaction.atomic():
        record(action, actor=actor, outcome=outcome, address=request.META.get("REMOTE_ADDR"))
