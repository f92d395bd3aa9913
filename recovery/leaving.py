"""Ending a person's sessions of the browser, wherever they are, and what speaks for that person besides."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from processing import tokens
from recovery.audit import Action, audited

SESSIONS_PER_READ = 500


def leave_everywhere(user_id: int, **person: Any) -> int:
    """Sign a person out of every browser and count them; `person` is `actor` and `address`.

    Tokens are revoked in the same transaction: whoever had a browser of this person could have made one. Django keeps no list of a person's sessions, so all that still run are read: 20 µs each. Whoever signs in
    meanwhile with the right password stays in.
    """
    with audited(Action.LOGOUT, **person) as facts:
        running = Session.objects.filter(expire_date__gt=Now()).order_by("pk")
        keys = [one.pk for one in running.iterator(SESSIONS_PER_READ) if _is_of(user_id, one)]
        Session.objects.filter(pk__in=keys).delete()
        revoked = tokens.revoke_all_of(user_id)
        facts |= {"everywhere": True, "browsers": len(keys), "tokens_revoked": revoked}
    return len(keys)


def _is_of(user_id: int, session: Session) -> bool:
    return bool(session.get_decoded().get(SESSION_KEY) == str(user_id))
