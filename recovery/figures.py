"""Statistics as the pages draw them: crashes by cause over time, how recoveries went, time lost and saved."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from processing import wording
from recovery.models import Crash, CrashType, RecoveryAttempt
from recovery.statistics import Outcome, Statistics, statistics_since

if TYPE_CHECKING:
    from processing.models.session_set import SessionQuerySet

BAR_WIDTH = 1000.0
CHART_HEIGHT = 100.0
DAYS_MAX = 90
GAP_SHARE = 0.36
FILLS = {
    CrashType.OUT_OF_MEMORY: "safelight",
    CrashType.STORAGE_FAILURE: "unreadable",
    CrashType.POWER_FAILURE: "running",
    CrashType.NETWORK_FAILURE: "quarantined",
    CrashType.APPLICATION_CRASH: "rejected",
    CrashType.SYSTEM_CRASH: "approved",
    CrashType.STOPPED: "keep",
    CrashType.UNKNOWN: "left",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list that counts: its word, its number in words, its length in thousandths, its color class."""

    word: str
    text: str
    length: str
    fill: str


@dataclass(frozen=True, slots=True)
class Column:
    """One piece of a day's column: its place and height in an SVG of 1000 x 100, its color class."""

    x: str
    y: str
    width: str
    height: str
    fill: str


@dataclass(frozen=True, slots=True)
class CrashChart:
    """Crashes a day by cause."""

    columns: tuple[Column, ...]
    top: str
    middle: str
    ticks: tuple[str, ...]
    finding: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a page of statistics shows."""

    statistics: Statistics
    chart: CrashChart | None
    causes: tuple[Line, ...]
    outcomes: tuple[Line, ...]
    times: tuple[Line, ...]
    success: str
    cost: str


def figures_of(since: datetime | None, sessions: "SessionQuerySet") -> Figures:
    """Compute and draw the statistics of some sessions since an instant; None: of all times."""
    found = statistics_since(since, sessions)
    saved_s = time_saved_s(since, sessions)
    rate, share = found.success_rate, found.checkpoint_cost_share
    return Figures(
        statistics=found,
        chart=_chart(since, sessions) if found.crashes else None,
        causes=_lines(_by_cause(found), FILLS),
        outcomes=_lines(
            {str(Outcome(name).label).capitalize(): n for name, n in found.recoveries_by_outcome.items()}
        ),
        times=_times(saved_s, found.time_lost_s),
        success="" if rate is None else wording.percent_of(round(rate * 10_000), 10_000),
        cost="" if share is None else f"{100 * share:.2f}{wording.NO_BREAK}%",
    )


def time_saved_s(since: datetime | None, sessions: "SessionQuerySet") -> float:
    """Estimate the work that recoveries in force did not have to do again: verdicts kept, at the pace of their session.

    The pace is the session's own, from its first claim to the newest commit before the recovery.
    """
    attempts = RecoveryAttempt.objects.filter(undone_at=None, session__in=sessions.order_by().values("pk"))
    if since is not None:
        attempts = attempts.filter(created_at__gte=since)
    columns = ("preview", "last_commit_at", "session__started_at")
    total_s = 0.0
    for preview, committed_at, started_at in attempts.order_by("pk").values_list(*columns).iterator():
        made = preview.get("keep", 0) + preview.get("redo", 0)
        if made and committed_at and started_at and committed_at > started_at:
            total_s += (committed_at - started_at).total_seconds() * preview["keep"] / made
    return total_s


def _by_cause(found: Statistics) -> dict[str, int]:
    counts = sorted(found.crashes_by_type.items(), key=lambda item: -item[1])
    return {name: count for name, count in counts if count}


def _lines(counts: Mapping[str, int], fills: Mapping[CrashType, str] | None = None) -> tuple[Line, ...]:
    longest = max(counts.values(), default=0) or 1
    return tuple(
        Line(
            word=str(CrashType(name).label).capitalize() if fills else name,
            text=wording.grouped(count),
            length=f"{BAR_WIDTH * count / longest:.1f}",
            fill=fills[CrashType(name)] if fills else "keep",
        )
        for name, count in counts.items()
    )


def _times(saved_s: float, lost_s: float) -> tuple[Line, ...]:
    longest = max(saved_s, lost_s) or 1.0
    rows = [(_("Saved by checkpoints"), saved_s, "approved"), (_("Lost to crashes"), lost_s, "safelight")]
    return tuple(
        Line(word, wording.duration(seconds), f"{BAR_WIDTH * seconds / longest:.1f}", fill)
        for word, seconds, fill in rows
    )


def _chart(since: datetime | None, sessions: "SessionQuerySet") -> CrashChart:
    """Draw the last days up to now, at most DAYS_MAX of them."""
    last = timezone.localdate()
    first = max(last - timedelta(days=DAYS_MAX - 1), timezone.localdate(since) if since else date.min)
    counts = _by_day(first, sessions)
    if since is None and counts:
        first = min(day for day, _cause in counts)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    highest = max((sum(n for (day, _c), n in counts.items() if day == one) for one in days), default=0)
    top = _even(max(highest, 2))
    return CrashChart(
        columns=tuple(_columns(days, counts, top)),
        top=str(top),
        middle=str(top // 2),
        ticks=tuple(date_format(day, "j M") for day in _some(days)),
        finding=_("Crashes a day by cause, at most {highest} on one day.").format(highest=highest),
    )


def _by_day(first: date, sessions: "SessionQuerySet") -> Counter[tuple[date, str]]:
    crashes = Crash.objects.filter(session__in=sessions.order_by().values("pk"), detected_at__date__gte=first)
    rows = crashes.annotate(day=TruncDate("detected_at")).order_by().values("day", "crash_type")
    counts: Counter[tuple[date, str]] = Counter()
    for row in rows.annotate(count=Count("pk")):
        counts[row["day"], row["crash_type"]] = row["count"]
    return counts


def _columns(days: list[date], counts: Mapping[tuple[date, str], int], top: int) -> list[Column]:
    step = BAR_WIDTH / len(days)
    columns = []
    for index, day in enumerate(days):
        base = CHART_HEIGHT
        for cause, fill in FILLS.items():
            height = CHART_HEIGHT * counts.get((day, cause.value), 0) / top
            if height:
                base -= height
                columns.append(
                    Column(
                        f"{index * step + step * GAP_SHARE / 2:.1f}",
                        f"{base:.1f}",
                        f"{step * (1 - GAP_SHARE):.1f}",
                        f"{max(height - 1, 1):.1f}",
                        fill,
                    )
                )
    return columns


def _even(number: int) -> int:
    return number + number % 2


def _some(days: list[date]) -> list[date]:
    """Give the first day, two between, and the last."""
    places = sorted({0, len(days) // 3, 2 * len(days) // 3, len(days) - 1})
    return [days[place] for place in places]
