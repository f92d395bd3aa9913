"""What the recovery dashboard shows at one moment: who waits for a decision, who works, and what crashed lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from processing import access, instants, labor, wording
from processing.models import ProcessingSession, Worker
from processing.snapshots import snapshots_of
from recovery import detection
from recovery.aftermath import title_of
from recovery.automatic import doubt_about, may_go_on, way_on
from recovery.happened import ago, cause_of, certainty_of, percent
from recovery.instants import page_by
from recovery.models import Crash
from recovery.plans import Option
from recovery.waiting import LOOK_BELIEVED_S

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    Person = User | AnonymousUser

SHOWN_MAX = 20
RUNNING_MAX = 10
CRASHES_PER_PAGE = 10
WORKERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Interruption:
    """One interrupted session; `option` is what continuing it would do, None while nobody has looked."""

    session: ProcessingSession
    processed: int
    cause: str
    certainty: str
    photo: str
    ago: str
    option: Option | None
    may_operate: bool

    @property
    def is_safe(self) -> bool:
        """Whether it may go on without a look at it."""
        return self.option is not None and may_go_on(self.option)

    @property
    def sureness(self) -> str:
        """How sure it is that continuing is right, as a word."""
        return wording.certainty(self.option.confidence).capitalize() if self.option else ""

    @property
    def share(self) -> str:
        """How sure it is that continuing is right, as a figure."""
        return percent(self.option.confidence) if self.option else ""

    @property
    def doubt(self) -> str:
        """What speaks against it."""
        return doubt_about(self.option) if self.option and not self.is_safe else ""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The interrupted sessions, and what continuing the safe ones adds up to."""

    rows: list[Interruption]
    count: int
    version: str

    @property
    def saved(self) -> int:
        """Verdicts that are safe, in all that are shown."""
        return sum(row.processed for row in self.rows)

    @property
    def safe(self) -> list[Interruption]:
        """Those that may go on without a look at them."""
        return [row for row in self.rows if row.is_safe and row.may_operate]

    def total(self, name: str) -> int:
        """Add a number of the options of the safe ones up."""
        return sum(int(getattr(row.option, name)) for row in self.safe)

    @property
    def sums(self) -> dict[str, int]:
        """What continuing the safe ones keeps, makes again and leaves."""
        return {name: self.total(name) for name in ("keep", "redo", "left")}


@dataclass(frozen=True, slots=True)
class Host:
    """The workers of one host."""

    name: str
    rate: str
    workers: list[labor.WorkerLine]


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, and the workers by host."""

    sessions: list[dict[str, Any]]
    count: int
    hosts: list[Host]
    workers_count: int
    version: str


@dataclass(frozen=True, slots=True)
class CrashRow:
    """One crash in the history."""

    crash: Crash
    cause: str
    certainty: str
    ended: str
    stood_still: str


def interrupted_of(user: "Person", *, looks: bool) -> Interrupted:
    """Give the interrupted sessions that a person may see; `looks` also looks at their sources."""
    visible = ProcessingSession.objects.visible_to(user).interrupted()
    sessions = list(visible.order_by("-crashed_at", "-pk")[:SHOWN_MAX])
    count = len(sessions) if len(sessions) < SHOWN_MAX else visible.count()
    crashes = detection.last_crashes_of(sessions)
    counts = ProcessingSession.objects.count_photos(*(session.pk for session in sessions))
    rows = [
        _interruption(session, counts[session.pk]["processed"], crashes.get(session.pk), user, looks=looks)
        for session in sessions
    ]
    states = [(row.session.pk, row.session.attempt, row.session.crashed_at) for row in rows]
    return Interrupted(rows, count, _version(states, looks))


def _interruption(
    session: ProcessingSession, processed: int, crash: Crash | None, user: "Person", *, looks: bool
) -> Interruption:
    return Interruption(
        session=session,
        processed=processed,
        cause=cause_of(crash) if crash else _("Why it stopped was not written down"),
        certainty=certainty_of(crash) if crash else "",
        photo=crash.photo if crash else "",
        ago=ago(session.crashed_at) if session.crashed_at else "",
        option=_option(session) if looks else None,
        may_operate=access.may_operate(user, session),
    )


def _option(session: ProcessingSession) -> Option:
    """Give what continuing would do; a look walks through a source, so it is believed for a while."""
    key = f"way_on_{session.pk}_{session.attempt}"
    known: Option | None = cache.get(key)
    if known is None:
        known = way_on(session)
        cache.set(key, known, LOOK_BELIEVED_S)
    return known


def running_of(user: "Person") -> Running:
    """Give the sessions that run, as far as a person may see them, and the workers by host."""
    visible = ProcessingSession.objects.visible_to(user)
    found = list(visible.in_tab("running").newest_first()[: RUNNING_MAX + 1])
    statuses: list[dict[str, Any]] = [
        {"session": shot.session, "status": shot.status, "waits": shot.waits}
        for shot in snapshots_of(found[:RUNNING_MAX])
    ]
    workers = list(
        Worker.objects.living().laborers().annotate(now=Now()).order_by("host", "pk")[:WORKERS_MAX]
    )
    lanes = {worker.lane_session_id for worker in workers if worker.lane_session_id}
    seen = set(visible.filter(pk__in=lanes).values_list("pk", flat=True))
    for worker in workers:
        if worker.lane_session_id not in seen:
            worker.telemetry = worker.telemetry | {"photo": ""}
    hosts = [_host(name, list(group)) for name, group in groupby(workers, key=lambda worker: worker.host)]
    version = _version(hosts, [(one["session"].pk, one["status"], one["waits"]) for one in statuses])
    return Running(statuses, len(found), hosts, len(workers), version)


def _host(name: str, workers: Sequence[Any]) -> Host:
    rate = sum(float(worker.telemetry.get("rate_per_s") or 0) for worker in workers if worker.lane_session_id)
    return Host(name, wording.one_decimal(rate), [labor.line_of(worker) for worker in workers])


def crashes_of(
    user: "Person", before: datetime | None = None, limit: int = CRASHES_PER_PAGE
) -> tuple[list[CrashRow], datetime | None]:
    """Give a page of the crash history, the newest first; crashes of idle processes to those who see all."""
    seen = Q(session__in=ProcessingSession.objects.visible_to(user).order_by().values("pk"))
    crashes = Crash.objects.filter(seen | Q(session=None) if access.may_audit(user) else seen)
    if before is not None:
        crashes = crashes.filter(instants.before("detected_at", before))
    rows, more = page_by(crashes.select_related("session", "closed_by"), "detected_at", limit)
    return [_crash_row(crash) for crash in rows], more


def _crash_row(crash: Crash) -> CrashRow:
    stood_s = (
        (crash.closed_at - crash.detected_at).total_seconds()
        if crash.interrupts and crash.closed_at
        else None
    )
    return CrashRow(
        crash=crash,
        cause=cause_of(crash),
        certainty=certainty_of(crash),
        ended=_ending(crash),
        stood_still="" if stood_s is None else wording.duration(stood_s),
    )


def _ending(crash: Crash) -> str:
    if crash.closed_by is not None:
        by = crash.closed_by.by or _("nobody named")
        undone = _(", undone since") if crash.closed_by.undone_at else ""
        return _("{what} by {name}").format(what=title_of(crash.closed_by), name=by) + undone
    if not crash.interrupts:
        return _("Other workers went on")
    return _("Closed") if crash.closed_at else _("Waits for a decision")


def _version(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()
