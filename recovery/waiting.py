"""Interrupted sessions that wait for a person's decision: which, whether that person knows, and which are surely safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q

from processing.models import ProcessingSession, Profile
from recovery import automatic
from recovery.models import Crash

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from processing.models.session_set import SessionQuerySet

# A look walks through a source, so what it found is believed for a while; before an act it is made anew.
LOOK_BELIEVED_S = 60
LOOKED_MAX = 50
NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits. While nobody has looked, `safe` is None; `more` are those that were not looked at."""

    sessions: list[ProcessingSession]
    count: int
    safe: list[ProcessingSession] | None
    version: str

    def named(self, *, looks: bool) -> str:
        """Name what a banner shows of these, with or without a look."""
        return version_of(self.sessions, looks=looks)

    @property
    def unsure(self) -> list[ProcessingSession]:
        """Those that need a person's look first."""
        safe = {session.pk for session in self.safe or []}
        return [session for session in self.sessions if session.pk not in safe]

    @property
    def only(self) -> ProcessingSession | None:
        """The one that waits, when it is alone."""
        return self.sessions[0] if self.count == 1 else None


def waiting_for(user: "User | AnonymousUser") -> "SessionQuerySet":
    """List the interrupted sessions that a person may recover, the newest interruption first."""
    return ProcessingSession.objects.operable_by(user).interrupted().order_by("-crashed_at", "-pk")


def waiting_of(user: "User | AnonymousUser", *, looks: bool = False) -> Waiting:
    """Give what a banner shows; `looks` also says which sessions are surely safe, which takes a look at each source."""
    waiting = list(waiting_for(user)[: LOOKED_MAX + 1])
    sessions = waiting[:LOOKED_MAX]
    count = len(sessions) if len(waiting) <= LOOKED_MAX else waiting_for(user).count()
    safe = [session for session in sessions if is_safe(session)] if looks else None
    return Waiting(sessions, count, safe, version_of(sessions, looks=looks))


def version_of(sessions: Sequence[ProcessingSession], *, looks: bool) -> str:
    """Name what a banner shows; cheap, and the same as long as nobody was interrupted or recovered."""
    states = [(str(session.pk), session.attempt, session.crashed_at) for session in sessions]
    return blake2b(repr((states, looks)).encode(), digest_size=8).hexdigest()


def is_safe(session: ProcessingSession) -> bool:
    """Whether a session would be continued without asking; believed for LOOK_BELIEVED_S."""
    key = f"safe {session.pk} {session.attempt} {session.crashed_at}".replace(" ", "_")
    known = cache.get(key)
    if known is None:
        known = automatic.may_go_on(automatic.way_on(session))
        cache.set(key, known, LOOK_BELIEVED_S)
    return bool(known)


def news_for(user: "User | AnonymousUser") -> Crash | None:
    """Give the newest interruption that this person may mend and was not yet told of."""
    seen_at = Profile.objects.filter(user=user.pk).values_list("crashes_seen_at", flat=True).first()
    crashes = Crash.objects.filter(interrupts=True, closed_at=None, session__in=waiting_for(user).order_by())
    if seen_at is not None:
        crashes = crashes.filter(detected_at__gt=seen_at)
    return crashes.select_related("session").order_by("-detected_at", "-pk").first()


def tell(user: "User | AnonymousUser") -> Crash | None:
    """Give the newest interruption to be told of, and remember that it and all before it were told.

    Of two tabs that ask at once, one is given it. test: test_dialog_is_given_to_one_of_two_tabs.
    """
    crash, user_id = news_for(user), user.pk
    if crash is None or user_id is None:
        return None
    with transaction.atomic():
        Profile.objects.get_or_create(user_id=user_id)
        unseen = Q(crashes_seen_at=None) | Q(crashes_seen_at__lt=crash.detected_at)
        told = Profile.objects.filter(unseen, user=user_id).update(crashes_seen_at=crash.detected_at)
    return crash if told else None
