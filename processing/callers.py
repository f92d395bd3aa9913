"""Who calls the REST interface: somebody who is signed in, or a script that shows a token."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError, Throttled
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from processing import tokens
from processing.models import ApiToken, Scope
from processing.throttle import BUCKETS

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CALLER = "stockproof_caller"
BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, and the token that speaks for them; without one they are signed in and have every scope."""

    user: "User"
    token: ApiToken | None = None

    def has(self, scope: Scope) -> bool:
        """Whether the token is good for this."""
        return self.token is None or scope in self.token.scopes

    @property
    def identity(self) -> str:
        """Name whose rate and whose keys these are."""
        return f"user {self.user.pk}" if self.token is None else f"token {self.token.pk}"


def caller_of(request: HttpRequest) -> Caller | None:
    """Find out who calls, once for each request; from then on `request.user` is the person.

    A request with a token is the token's, whatever cookies come with it. Raises Throttled when the caller has called
    too often.
    """
    if not hasattr(request, CALLER):
        caller = _find(request)
        wait_s = 0.0 if caller is None else BUCKETS.take(caller.identity)
        if wait_s:
            raise Throttled(math.ceil(wait_s))
        setattr(request, CALLER, caller)
    found: Caller | None = getattr(request, CALLER)
    return found


def _find(request: HttpRequest) -> Caller | None:
    shown = request.headers.get("Authorization", "")
    if shown[: len(BEARER)].lower() == BEARER:
        token = tokens.find(shown[len(BEARER) :].strip())
        if token is None:
            return None
        request.user = token.user
        return Caller(token.user, token)
    return Caller(request.user) if not shown and request.user.is_authenticated else None


class TokenAuth(HttpBearer):
    """A token with this scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Any:  # noqa: ARG002 -- `caller_of` reads it itself
        """Give the caller. Raises AuthenticationError for a token that is none, AuthorizationError without the scope."""
        caller = caller_of(request)
        if caller is None:
            raise AuthenticationError(message="The token is not known, has expired or was revoked.")
        if not caller.has(self.scope):
            raise AuthorizationError(message=f"The token has no scope {self.scope.value!r}.")
        return caller


class SessionAuth(APIKeyCookie):
    """Somebody who is signed in; what is not safe needs the sign that it comes from one of our pages."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Any:
        """Give the caller, or None for a stranger. Raises AuthorizationError without the sign."""
        caller = caller_of(request)
        if caller is not None and check_csrf(request) is not None:
            raise AuthorizationError(message="Send the X-CSRFToken of your session, or a token.")
        return caller

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:  # noqa: ARG002 -- Django has read it
        """Give the caller; `__call__` has looked at the rest."""
        return caller_of(request)


def needs(scope: Scope) -> list[Any]:
    """Say who may call an operation: a token with this scope, or somebody who is signed in.

    What the person may do, with which session, is asked by the operation itself, as pages do.
    """
    return [TokenAuth(scope), SessionAuth()]
