"""What the pages show of sessions: rows of the list, and one session's page, ready for a template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from django.utils.translation import gettext as _

from processing import film, labor, pace, wording
from processing.covers import SHOWN, covers_of
from processing.headlines import Headline, Refusals, headline_of, refusals_of
from processing.labor import WorkerLine
from processing.models import Batch, ProcessingSession
from processing.snapshots import Snapshot, snapshots_of
from processing.states import Status, Verdict

PAGE_FRAMES = 60
# Beyond this the strip shows progress alone: reading more batch rows every two seconds costs too much.
BATCHES_MAX = 1000
MILESTONES = 10
SHORT_ID_LENGTH = 8
TICKED_MIN = 8
BAR_WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One session in the list; `photos` are the positions of those that are shown of it."""

    snapshot: Snapshot
    headline: Headline
    photos: tuple[int, ...]

    @property
    def session(self) -> ProcessingSession:
        """The session."""
        return self.snapshot.session

    @property
    def blanks(self) -> range:
        """Frames that stay empty, so that each row is as high as the others."""
        return range(SHOWN - len(self.photos))

    @property
    def done_length(self) -> str:
        """How much is done, in thousandths of the bar."""
        return f"{BAR_WIDTH * self.snapshot.status['processed'] / (self.session.total or 1):.1f}"


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab above the list; an empty name is all."""

    name: str
    word: str
    count: int | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a list that counts: a word, a number, and its length in thousandths of the longest."""

    code: str
    word: str
    count: int
    length: str


@dataclass(frozen=True, slots=True)
class CrashLine:
    """The session's last crash: the most likely cause as a sentence, and how sure it is, empty when none is named."""

    cause: str
    certainty: str
    evidence: list[str]
    photo: str
    discarded_count: int
    detected_at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, for a glance; look is the suffix of its class, icon a symbol's name."""

    at: datetime
    icon: str
    title: str
    look: str


@dataclass(frozen=True, slots=True)
class Overview:
    """One session's page."""

    snapshot: Snapshot
    headline: Headline
    refusals: Refusals
    strip: film.Strip
    verdicts: list[Bar]
    reasons: list[Bar]
    doomed: list[Bar]
    workers: list[WorkerLine]
    bottleneck: str
    chart: pace.Chart | None
    crash: CrashLine | None
    lately: Sequence[Moment] = ()

    @property
    def session(self) -> ProcessingSession:
        """The session."""
        return self.snapshot.session

    @property
    def left(self) -> int:
        """Photos without a verdict, as far as they are listed."""
        listed = self.session.found_count if self.session.total is None else self.session.total
        return max(listed - int(self.snapshot.status["processed"]), 0)

    @property
    def percent(self) -> str:
        """The share that is done; empty while the total is not known."""
        total = self.session.total
        return wording.percent_of(self.snapshot.status["processed"], total) if total else ""

    @property
    def note(self) -> str:
        """What stands beside the status, unless a notice below says it at length."""
        said_below = self.snapshot.waits or self.session.status in (Status.INTERRUPTED, Status.FAILED)
        return "" if said_below else self.headline.note

    @property
    def averages(self) -> bool:
        """Whether frames are finer than batches, whose stored counts are then spread over them."""
        return bool(self.session.total) and self.session.batch_size > self.strip.photos_per_frame

    @property
    def ticks(self) -> list[int]:
        """Positions under the strip: the first photo, the quarters, the last one."""
        total = self.session.total or 0
        return [total * quarter // 4 for quarter in range(1, 5)] if total >= TICKED_MIN else []

    @property
    def youngest_sign_s(self) -> int | None:
        """Seconds since the last sign of life of any worker."""
        return min((worker.age_s for worker in self.workers), default=None)

    @property
    def short_id(self) -> str:
        """As much of the id as commands need."""
        return str(self.session.pk)[:SHORT_ID_LENGTH]

    @property
    def lives(self) -> bool:
        """Whether anything may still change: else the page stops asking."""
        return not self.session.is_finished

    @property
    def milestone(self) -> str:
        """What is worth being said aloud: the status, and each tenth of the photos."""
        total = self.session.total
        tenth = self.snapshot.status["processed"] * MILESTONES // total if total else 0
        return f"{self.headline.word} {tenth * 100 // MILESTONES}"

    @property
    def version(self) -> str:
        """Name of what is shown; while it stays the same, nothing has to be sent again."""
        session = self.session
        held = (session.hold_by, session.hold_why, session.last_error, session.crashed_at, session.attempt)
        listed = (session.found_count, session.total, session.skipped_count, session.lanes)
        shown = (self.headline, self.refusals, self.strip, self.verdicts, self.reasons, self.doomed)
        told = (self.crash, self.lately)
        return _digest(
            shown, self.workers, self.bottleneck, self.chart, held, listed, told, self.snapshot.status
        )


def rows_of(sessions: Sequence[ProcessingSession]) -> list[Row]:
    """Build the rows of a list, in three queries however many there are."""
    covers = covers_of(sessions)
    return [Row(one, headline_of(one), covers[one.session.pk]) for one in snapshots_of(sessions)]


def tabs_of(counts: Mapping[str, int], current: str) -> list[Tab]:
    """Build the tabs that lead anywhere, and the one that is open."""
    words = {
        "running": _("Running"),
        "interrupted": _("Interrupted"),
        "paused": _("Paused"),
        "failed": _("Failed"),
        "completed": _("Completed"),
        "cancelled": _("Cancelled"),
    }
    shown = [name for name in words if counts[name] or name == current]
    tabs = [Tab(name, words[name], counts[name], name == current) for name in shown]
    return [Tab("", _("All"), None, not current), *tabs]


def rows_version(rows: Sequence[Row], *others: object) -> str:
    """Name of what a list shows, its tabs included."""
    shown = [(row.session.name, row.headline, row.snapshot.status, row.photos) for row in rows]
    return _digest(shown, *others)


def overview_of(
    session: ProcessingSession,
    crash: CrashLine | None,
    lately: Sequence[Moment] = (),
    *,
    may_operate: bool = True,
) -> Overview:
    """Build one session's page from stored counters, and from what others tell of it."""
    snapshot = snapshots_of([session])[0]
    counts = snapshot.counts
    verdicts = {verdict.value: counts[verdict.value] for verdict in Verdict}
    words = {verdict.value: str(verdict.label).capitalize() for verdict in Verdict}
    return Overview(
        snapshot=snapshot,
        headline=headline_of(snapshot),
        refusals=refusals_of(session, may_operate=may_operate),
        strip=_page_strip(snapshot),
        verdicts=[_bar(code, words[code], verdicts[code], counts["processed"]) for code in verdicts],
        reasons=_reason_bars(session.count_reasons()),
        doomed=_reason_bars(session.doomed_counts),
        workers=[labor.line_of(worker) for worker in snapshot.workers],
        bottleneck=labor.bottleneck_of(snapshot.workers),
        chart=_chart(snapshot),
        crash=crash,
        lately=lately,
    )


def _chart(snapshot: Snapshot) -> pace.Chart | None:
    """Draw the pace up to now where somebody works, else up to the last batch that ended."""
    session = snapshot.session
    now = None
    if snapshot.workers and session.status == Status.RUNNING:
        now = pace.point_now(snapshot.workers[0].now, snapshot.status["processed"])
    return pace.chart_of(session.pace, now)


def _page_strip(snapshot: Snapshot) -> film.Strip:
    session = snapshot.session
    columns = ("first_position", "processed", "approved", "rejected")
    rows = list(Batch.objects.with_results(session).values_list(*columns)[: BATCHES_MAX + 1])
    if len(rows) > BATCHES_MAX:
        done = snapshot.status["processed"]
        return film.exposed_strip(done, session.total, PAGE_FRAMES, is_moving=_is_moving(snapshot))
    spans = [film.Span(*row) for row in rows]
    return film.judged_strip(spans, session.total, PAGE_FRAMES, is_moving=_is_moving(snapshot))


def _is_moving(snapshot: Snapshot) -> bool:
    return snapshot.session.status == Status.RUNNING and snapshot.is_served


def _reason_bars(counts: Mapping[str, int]) -> list[Bar]:
    longest = max(counts.values(), default=0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [_bar(code, wording.reason_words(code), count, longest) for code, count in ordered if count]


def _bar(code: str, word: str, count: int, longest: int) -> Bar:
    length = BAR_WIDTH * count / longest if longest else 0.0
    return Bar(code, word, count, f"{max(length, 4.0) if count else 0.0:.1f}")


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()
