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

from recovery.audit import DONE, Action, record

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
    people = get_user_model()
    name = str(credentials.get(people.USERNAME_FIELD, ""))
    is_known = people.objects.filter(**{people.USERNAME_FIELD: name}).exists()
    is_locked = getattr(request, "axes_locked_out", False)
    _record(Action.LOGIN_FAILED, name if is_known else "", request, LOCKED if is_locked else WRONG)


def _went(*, request: HttpRequest, user: AbstractBaseUser | None, **_signal: Any) -> None:
    if user is not None:
        _record(Action.LOGOUT, user.get_username(), request)


def _record(action: Action, actor: str, request: HttpRequest, outcome: str = DONE) -> None:
    with transaction.atomic():
        record(action, actor=actor, outcome=outcome, address=request.META.get("REMOTE_ADDR"))
