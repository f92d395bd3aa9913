"""Making and revoking tokens of the REST interface, each with its entry in the audit log: command and page call these."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models.functions import Now

from processing import tokens
from processing.models import ApiToken, Scope
from recovery.audit import Action, ActRefused, audited

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Nobody keeps an eye on more than that.
TOKENS_PER_PERSON_MAX = 20


def make_token(
    user: "User", scopes: Iterable[Scope], expires_in: timedelta | None, name: str = "", **person: Any
) -> tuple[ApiToken, str]:
    """Make a token by which scripts speak for a person; the second is its text, which is told once and not kept.

    `person` is `actor` and `address` of who asks. Raises ActRefused for somebody who may not sign in, and for one who
    has TOKENS_PER_PERSON_MAX valid ones; that is recorded too.
    """
    wanted = set(scopes)
    details: dict[str, Any] = {"change": "made", "of": user.get_username(), "name": name}
    details |= {"scopes": [scope.value for scope in Scope if scope in wanted]}
    with audited(Action.TOKEN, details=details, **person) as facts:
        _require_room(user)
        expires_at = None if expires_in is None else Now() + expires_in
        token, text = tokens.make(user, wanted, expires_at=expires_at, name=name)
        facts |= {"token": token.pk, "expires_at": token.expires_at}
    return token, text


def _require_room(user: "User") -> None:
    """Lock the person, so that two who ask at once do not make one too many."""
    locked = get_user_model().objects.select_for_update().filter(pk=user.pk, is_active=True).first()
    if locked is None:
        raise ActRefused(f"{user.get_username()} may not sign in, so no token can speak for them.")
    if ApiToken.objects.valid().filter(user=user).count() >= TOKENS_PER_PERSON_MAX:
        raise ActRefused(
            f"{user.get_username()} has {TOKENS_PER_PERSON_MAX} tokens already: revoke one that is not needed."
        )


def revoke_token(token: ApiToken, **person: Any) -> None:
    """Make a token worthless for ever. Raises ActRefused when it was revoked before; that is recorded too."""
    details = {"change": "revoked", "of": token.user.get_username(), "name": token.name, "token": token.pk}
    with audited(Action.TOKEN, details=details, **person):
        if not tokens.revoke(token):
            raise ActRefused(f"The token {token} is revoked already.")
