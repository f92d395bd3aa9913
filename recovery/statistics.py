"""What crashes and recoveries cost."""

import re
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from processing.models import ImageResult, ProcessingSession, Worker
from processing.progress import iso
from processing.states import Stage
from recovery.audit import DONE, Action
from recovery.models import AuditEntry, Crash, CrashType, RecoveryAttempt

if TYPE_CHECKING:
    from processing.models.session_set import SessionQuerySet

AGO = re.compile(r"([0-9]{1,6})([dhm])")
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def totals_of(session: ProcessingSession) -> dict[str, int]:
    """Count a session's crashes, recoveries, and verdicts that a death discarded, so that photos were analyzed twice."""
    crashes = Crash.objects.filter(session=session)
    return {
        "crashes": crashes.count(),
        "recoveries": RecoveryAttempt.objects.filter(session=session).count(),
        "analysed_twice": crashes.aggregate(n=Sum("discarded_count"))["n"] or 0,
    }


@dataclass(frozen=True, slots=True)
class Statistics:
    """What crashes and recoveries have cost since an instant, of sessions that are not deleted.

    crashes: deaths, counted once for each session that they touched.
    recoveries_succeeded: not undone, and a verdict was committed before the next recovery of the session, or the
    session has completed since. One that is still to show that counts as a recovery, not yet as a success.
    rollbacks: acts of undoing, however many recoveries each took back.
    time_lost_s: from the last commit before to the first commit after each recovery that led to one, added up.
    photos_redone: verdicts that deaths discarded, and those that recoveries in force put aside.
    integrity_problems, repaired: as repairs found and mended them; what `verify` found without one is not stored.
    checkpoint_cost_share: time in commits by time of work, of workers seen since; None before any batch was worked off.
    """

    since: datetime | None
    crashes: int
    crashes_by_type: dict[str, int]
    recoveries: int
    recoveries_by_outcome: dict[str, int]
    recoveries_succeeded: int
    success_rate: float | None
    rollbacks: int
    time_lost_s: float
    photos_redone: int
    integrity_problems: int
    repaired: int
    checkpoint_cost_share: float | None

    def published(self) -> dict[str, Any]:
        """Give the published statistics."""
        return asdict(self) | {"since": iso(self.since)}


class Outcome(models.TextChoices):
    """What became of a recovery."""

    SUCCEEDED = "succeeded", _("succeeded")
    OPEN = "open", _("no verdict yet")
    FRUITLESS = "fruitless", _("overtaken by the next before any verdict")
    UNDONE = "undone", _("undone")


def statistics_since(since: datetime | None = None, sessions: "SessionQuerySet | None" = None) -> Statistics:
    """Compute the statistics since an instant, None: of all times; one query for each kind of evidence.

    `sessions` are those that count, None: all, and crashes of idle processes too. The cost of checkpoints is always
    that of all workers.
    """
    crashes, discarded = _crashes(since, sessions)
    outcomes, time_lost_s, redone = _recoveries(since, sessions)
    found, repaired = _repairs(since, sessions)
    count = outcomes.total()
    return Statistics(
        since=since,
        crashes=crashes.total(),
        crashes_by_type={crash_type.value: crashes[crash_type.value] for crash_type in CrashType},
        recoveries=count,
        recoveries_by_outcome={outcome.value: outcomes[outcome] for outcome in Outcome},
        recoveries_succeeded=outcomes[Outcome.SUCCEEDED],
        success_rate=round(outcomes[Outcome.SUCCEEDED] / count, 4) if count else None,
        rollbacks=_count_rollbacks(since, sessions),
        time_lost_s=round(time_lost_s, 3),
        photos_redone=discarded + redone,
        integrity_problems=found,
        repaired=repaired,
        checkpoint_cost_share=_checkpoint_cost_share(since),
    )


def read_since(text: str) -> datetime:
    """Read an instant from 30d, 12h or 45m before now, or from an ISO date or instant (UTC unless it says otherwise).

    Raises ValueError with a sentence for anything else.
    """
    ago = AGO.fullmatch(text.strip())
    try:
        if ago:
            return timezone.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        instant = datetime.fromisoformat(text.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time to begin at: give 30d, 12h or 45m, or a date like 2026-11-01."
        ) from None


def _crashes(since: datetime | None, sessions: "SessionQuerySet | None") -> tuple[Counter[str], int]:
    """Count crashes by type, and the verdicts that they discarded."""
    rows = (
        Crash.objects.filter(**_from("detected_at", since), **_of(sessions)).order_by().values("crash_type")
    )
    counts: Counter[str] = Counter()
    discarded = 0
    for row in rows.annotate(count=Count("pk"), discarded=Sum("discarded_count")):
        counts[row["crash_type"]] = row["count"]
        discarded += row["discarded"]
    return counts, discarded


def _recoveries(
    since: datetime | None, sessions: "SessionQuerySet | None"
) -> tuple[Counter[str], float, int]:
    """Count recoveries by outcome, the seconds that they lost, and the verdicts that those in force put aside."""
    after = ImageResult.objects.filter(
        session=OuterRef("session"), pk__gt=Coalesce(OuterRef("last_result"), 0)
    ).order_by("pk")
    attempts = RecoveryAttempt.objects.filter(**_from("created_at", since), **_of(sessions)).select_related(
        "session"
    )
    rows = attempts.annotate(
        next_number=Subquery(_later().values("number")[:1]),
        first_attempt=Subquery(after.values("attempt")[:1]),
        first_at=Subquery(after.values("created_at")[:1]),
    ).order_by("pk")
    outcomes: Counter[str] = Counter()
    time_lost_s, redone = 0.0, 0
    for row in rows.iterator():
        outcomes[_outcome(row)] += 1
        if _led_to_commit(row) and row.last_commit_at is not None:
            time_lost_s += max((row.first_at - row.last_commit_at).total_seconds(), 0.0)
        if row.undone_at is None:
            redone += int(row.preview.get("redo", 0))
    return outcomes, time_lost_s, redone


def _later() -> QuerySet[RecoveryAttempt]:
    later = RecoveryAttempt.objects.filter(session=OuterRef("session"), number__gt=OuterRef("number"))
    return later.order_by("number")


def _led_to_commit(row: Any) -> bool:
    """Whether the first verdict behind a recovery was made before the next one of the session."""
    return row.first_attempt is not None and (row.next_number is None or row.first_attempt < row.next_number)


def _outcome(row: Any) -> Outcome:
    if row.undone_at is not None:
        return Outcome.UNDONE
    ended_since = row.session.stage == Stage.COMPLETED and row.next_number is None
    if _led_to_commit(row) or ended_since:
        return Outcome.SUCCEEDED
    return Outcome.OPEN if row.next_number is None else Outcome.FRUITLESS


def _count_rollbacks(since: datetime | None, sessions: "SessionQuerySet | None") -> int:
    """Count acts of undoing: all that one takes back have the same instant."""
    undone = RecoveryAttempt.objects.exclude(undone_at=None).filter(
        **_from("undone_at", since), **_of(sessions)
    )
    return undone.order_by().values("session", "undone_at").distinct().count()


def _repairs(since: datetime | None, sessions: "SessionQuerySet | None") -> tuple[int, int]:
    """Count the problems that repairs found, and those that they mended."""
    done = AuditEntry.objects.filter(
        action=Action.REPAIR, outcome=DONE, **_from("at", since), **_of(sessions)
    ).order_by("number")
    problems = repaired = 0
    for details in done.values_list("details", flat=True).iterator():
        found = sum(details.get("found", {}).values())
        problems += found
        repaired += max(found - details.get("left", 0), 0)
    return problems, repaired


def _checkpoint_cost_share(since: datetime | None) -> float | None:
    """Give the share of commits in the work, as workers have added it up in their rows."""
    workers = Worker.objects.laborers().filter(**_from("heartbeat_at", since)).order_by("pk")
    commit_s = worked_s = 0.0
    for telemetry in workers.values_list("telemetry", flat=True).iterator():
        commit_s += telemetry.get("commit_s", 0.0)
        worked_s += telemetry.get("worked_s", 0.0)
    return round(commit_s / worked_s, 6) if worked_s else None


def _from(column: str, since: datetime | None) -> dict[str, datetime]:
    return {} if since is None else {f"{column}__gte": since}


def _of(sessions: "SessionQuerySet | None") -> dict[str, Any]:
    return {} if sessions is None else {"session__in": sessions.order_by().values("pk")}
