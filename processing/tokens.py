"""Tokens of the REST interface: made, found by what a request shows, and revoked.

A token is shown once, when it is made; what is kept is its SHA-256. That needs no salt and no slow hash, since the
secret is 256 random bits and nobody's password.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from processing.models import ApiToken, Scope
from processing.progress import iso

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PREFIX = "sp"
ID_BYTES = 6
SECRET_BYTES = 32
# `last used` is as exact as that, so that asking often does not write often.
USE_NOTED_EVERY = timedelta(minutes=1)


def make(
    user: "User", scopes: Iterable[Scope], *, expires_at: datetime | Combinable | None = None, name: str = ""
) -> tuple[ApiToken, str]:
    """Make a token; the second is its text, which is not kept and cannot be shown again."""
    wanted = set(scopes)
    token_id = secrets.token_hex(ID_BYTES)
    text = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    token = ApiToken.objects.create(
        id=token_id,
        user=user,
        name=name,
        digest=digest_of(text),
        scopes=[scope.value for scope in Scope if scope in wanted],
        expires_at=expires_at,
    )
    token.refresh_from_db(fields=["created_at", "expires_at"])
    return token, text


def digest_of(text: str) -> str:
    """Give what is kept of a token: the SHA-256 of its text, as 64 digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find(text: str) -> ApiToken | None:
    """Find the valid token of this text, and note that it was used; None for any other text."""
    prefix, _, rest = text.partition("_")
    token_id = rest.partition("_")[0]
    if prefix != PREFIX or len(token_id) != 2 * ID_BYTES or not token_id.isalnum():
        return None
    token = ApiToken.objects.valid().select_related("user").filter(pk=token_id).first()
    if token is None or not constant_time_compare(token.digest, digest_of(text)):
        return None
    _note_use(token)
    return token


def _note_use(token: ApiToken) -> None:
    long_ago = Q(last_used_at=None) | Q(last_used_at__lt=Now() - USE_NOTED_EVERY)
    ApiToken.objects.filter(long_ago, pk=token.pk).update(last_used_at=Now())


def revoke(token: ApiToken) -> bool:
    """Make a token worthless for ever; whether it was worth something until now."""
    return ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()) == 1


def revoke_all_of(user_id: int) -> int:
    """Make all tokens of a person worthless; how many were worth something until now."""
    return ApiToken.objects.filter(user_id=user_id, revoked_at=None).update(revoked_at=Now())


def published(token: ApiToken) -> dict[str, Any]:
    """Give what is told of a token: all but its text, which nobody has, and its hash, which nobody needs."""
    instants = ("created_at", "expires_at", "last_used_at", "revoked_at")
    return {
        "id": token.pk,
        "user": token.user.get_username(),
        "name": token.name,
        "scopes": token.scopes,
        **{name: iso(getattr(token, name)) for name in instants},
    }
