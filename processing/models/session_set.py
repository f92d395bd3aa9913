"""Sessions by the state they are in, by who may see them, and by the name that a person gives."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Count, Q, Value

from processing import access, states
from processing.instants import behind
from processing.models.batch import Batch
from processing.models.commit import COUNTERS
from processing.states import Hold, Stage, Status

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from processing.models.session import ProcessingSession

PREFIX_LENGTH_MIN = 4
NAME_LENGTH_MAX = 36
_UNHELD = Q(stage__in=states.UNFINISHED, hold=Hold.NONE)
# The statuses that people look for, as conditions: scanning and comparing count as running.
TABS: dict[str, Q] = {
    "running": _UNHELD & Q(crashed_at=None),
    "interrupted": _UNHELD & Q(crashed_at__isnull=False),
    "paused": Q(hold=Hold.PAUSED),
    "failed": Q(hold=Hold.FAILED),
    "completed": Q(stage=Stage.COMPLETED),
    "cancelled": Q(hold=Hold.CANCELLED),
}


class SessionNotFound(Exception):
    """No session, or more than one, answers to the name given."""


class SessionQuerySet(models.QuerySet["ProcessingSession"]):
    """Sessions by the state they are in, and the one that a person names."""

    def unfinished(self) -> Self:
        """Those with work left, held or not."""
        return self.exclude(stage=Stage.COMPLETED).exclude(hold=Hold.CANCELLED)

    def workable(self) -> Self:
        """Those that workers may take work of."""
        return self.exclude(stage=Stage.COMPLETED).filter(hold=Hold.NONE, crashed_at=None)

    def begun(self) -> Self:
        """Those of which a batch was ever claimed."""
        return self.exclude(started_at=None)

    def interrupted(self) -> Self:
        """Those whose last parent died, and nobody has decided yet."""
        return self.exclude(stage=Stage.COMPLETED).filter(hold=Hold.NONE).exclude(crashed_at=None)

    def with_status(self, status: Status) -> Self:
        """Those of which the world is told this status."""
        if status in Hold.values:
            return self.filter(hold=status.value)
        if status == Status.INTERRUPTED:
            return self.interrupted()
        return self.filter(stage=status.value, hold=Hold.NONE, crashed_at=None)

    def tallies(self, session_ids: Sequence[UUID], *columns: str) -> "models.QuerySet[Any, tuple[Any, ...]]":
        """Read counters as (session, *columns): a row of each session and one of each of its open batches.

        One statement: a batch that ends between two would be in neither row.
        test: test_counts_lose_nothing_when_a_batch_ends_after_the_session_was_read.
        """
        finished = self.order_by().filter(pk__in=session_ids).values_list("pk", *columns)
        nothing = Value({}, output_field=models.JSONField())
        unfinished = Batch.objects.with_open_results(*session_ids).order_by().annotate(shift=nothing)
        return finished.union(unfinished.values_list("session_id", *columns), all=True)

    def count_photos(self, *session_ids: UUID) -> dict[UUID, dict[str, int]]:
        """Count processed photos and decisions by session."""
        counts = {session_id: dict.fromkeys(COUNTERS, 0) for session_id in session_ids}
        for session_id, shift, *numbers in self.tallies(session_ids, "shift", *COUNTERS):
            for name, number in zip(COUNTERS, numbers, strict=True):
                counts[session_id][name] += number + shift.get(name, 0)
        return counts

    def newest_first(self) -> Self:
        """Order for lists."""
        return self.order_by("-created_at", "-pk")

    def older_than(self, session: "ProcessingSession") -> Self:
        """Those that come after a session in a list, newest first."""
        return self.filter(behind(session.created_at, session.pk))

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """Those that a person may see: their own; Auditors and Administrators see all, those without an owner too."""
        if access.may_audit(user):
            return self.all()
        return self.filter(owner=user) if user.is_authenticated else self.none()

    def operable_by(self, user: "User | AnonymousUser") -> Self:
        """Those that a person may recover; the same rule as `access.may_operate`, for many."""
        if access.may_administer(user):
            return self.all()
        return self.filter(owner=user.pk) if access.may_operate(user) else self.none()

    def in_tab(self, tab: str) -> Self:
        """Those that the list shows under one of TABS; an empty name is all."""
        return self.filter(TABS[tab]) if tab else self.all()

    def count_tabs(self) -> dict[str, int]:
        """Count sessions by tab, in one query."""
        return self.aggregate(**{tab: Count("pk", filter=condition) for tab, condition in TABS.items()})

    def lock(self, session_id: UUID) -> "ProcessingSession":
        """Lock one session's row until the transaction ends; the first lock of all (design §3).

        It leaves the key free: a commit inside a batch checks its foreign keys when it ends, and would wait
        for a recovery that waits for its batch. test: test_recover_takes_the_lease_away_when_a_commit_is_in_the_air.
        """
        return self.select_for_update(no_key=True).get(pk=session_id)

    def named(self, name: str) -> "ProcessingSession":
        """Find the session that a person means: its id, a unique prefix of it, or `latest`.

        Raises SessionNotFound with a sentence that says what was looked for.
        """
        if name == "latest":
            found = list(self.newest_first()[:1])
        else:
            found = list(self.filter(_has_prefix(name)).order_by("pk")[:2])
        if not found:
            raise SessionNotFound(f"There is no session {name!r}. `manage.py sessions` lists them.")
        if len(found) > 1:
            raise SessionNotFound(f"More than one session begins with {name!r}. Give more of its id.")
        return found[0]


def _has_prefix(name: str) -> Q:
    """Match ids by their first digits, as a range: both databases then use the primary key."""
    digits = name.replace("-", "").lower()
    if len(name) > NAME_LENGTH_MAX:
        name = f"{name[:NAME_LENGTH_MAX]}…"  # test: test_named_answers_with_a_short_sentence_when_the_text_is_huge
        digits = ""
    if not PREFIX_LENGTH_MIN <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        raise SessionNotFound(
            f"{name!r} is not a session's id. Give at least its first {PREFIX_LENGTH_MIN} digits, or `latest`."
        )
    return Q(pk__range=(UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))))
