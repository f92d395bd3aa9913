"""A person's verdicts: events beside the rows, and what follows from them, decisions and the session's shift.

Whoever changes a decision holds the lock of the session's row, so that a decision and the shift never part.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Concat, NullIf

from processing.models import ImageResult, Override, ProcessingSession, StepRefused
from processing.models.result import ResultQuerySet
from processing.states import Relation, Status, Verdict

PAGE_ROWS = 2000
CHUNK_ROWS = 500
# What a person can say; `unreadable` and `quarantined` are facts, not opinions.
SAYABLE = (Verdict.APPROVED, Verdict.REJECTED)
NEEDED = (
    "position",
    "size_bytes",
    "mtime_ns",
    "sha256",
    "verdict",
    "relation",
    "reasons",
    "decision",
    "session_id",
)
MACHINES = Case(
    When(~Q(relation=Relation.NONE), verdict=Verdict.APPROVED, then=Value(Verdict.REJECTED.value)),
    default=F("verdict"),
)


class NoVerdictYet(Exception):
    """A photo has no live row, so there is nothing to overrule."""

    def __init__(self, session: ProcessingSession, position: int) -> None:
        self.session, self.position = session, position
        super().__init__(
            f"Session {session.pk} has no verdict on a photo {position}, so nobody can overrule it."
        )


@dataclass(frozen=True, slots=True)
class Saying:
    """What a person says of photos; an empty verdict withdraws what was said of them before."""

    verdict: str
    by: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.verdict and self.verdict not in SAYABLE:
            raise ValueError(f"A person's verdict is one of {', '.join(SAYABLE)}, not {self.verdict!r}.")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which photos are meant: all with this decision, this reason of the machine, a person's verdict on them."""

    decision: str = ""
    reason: str = ""
    overridden: bool = False

    def rows(self, session: ProcessingSession) -> ResultQuerySet:
        """Give the live rows that may be meant; where a reason is asked for, `takes` has the last word."""
        rows = ImageResult.objects.live().filter(session=session)
        if self.decision:
            rows = rows.filter(decision=self.decision)
        if self.reason:
            text = Cast("reasons", TextField())
            rows = rows.annotate(text=text).filter(
                Q(text__contains=f'"{self.reason}"') | Q(relation=self.reason)
            )
        if self.overridden:
            rows = rows.annotate(said=Subquery(_newest_event().values("new")[:1])).filter(said__gt="")
        return rows

    def takes(self, row: ImageResult) -> bool:
        """Whether the row has the reason that is asked for."""
        return not self.reason or self.reason in row.reason_codes


@dataclass(frozen=True, slots=True)
class Act:
    """The events that one act has added: how many, and their first and last key, by which it is taken back."""

    changed: int = 0
    first: int = 0
    last: int = 0

    def __add__(self, other: "Act") -> "Act":
        """Take two acts as one."""
        if not self.changed or not other.changed:
            return self if self.changed else other
        return Act(self.changed + other.changed, min(self.first, other.first), max(self.last, other.last))


@dataclass(frozen=True, slots=True)
class Page:
    """What was done with one page of photos: how far it went, and which events were added."""

    last_position: int
    act: Act
    is_last: bool


def override(
    session: ProcessingSession, positions: Iterable[int], verdict: str, *, by: str, note: str = ""
) -> int:
    """Put photos under a person's verdict, approved or rejected; give how many events that added.

    Saying the same again adds none. Raises NoVerdictYet when one has no live row, StepRefused when the session is
    cancelled, ValueError for another verdict; then nothing has changed.
    """
    if not verdict:
        raise ValueError("An empty verdict says nothing; `withdraw` takes one back.")
    return say(session, positions, Saying(verdict, by, note)).changed


def withdraw(session: ProcessingSession, positions: Iterable[int], *, by: str, note: str = "") -> int:
    """Take the person's verdicts on photos back, so that the machine's count again; give how many there were.

    Raises NoVerdictYet when one has no live row, StepRefused when the session is cancelled.
    """
    return say(session, positions, Saying("", by, note)).changed


def say(session: ProcessingSession, positions: Iterable[int], saying: Saying) -> Act:
    """Say something of photos in one transaction; give the events that added. Raises as `override` does."""
    act = Act()
    with transaction.atomic():
        locked = lock_for_verdicts(session)
        for chunk in chunks(sorted(set(positions))):
            live = ImageResult.objects.live().filter(session=locked, position__in=chunk)
            rows = list(live.only(*NEEDED).in_order())
            missing = set(chunk).difference(row.position for row in rows)
            if missing:
                raise NoVerdictYet(locked, min(missing))
            act += write(locked, rows, saying)
    return act


def say_to_page(session: ProcessingSession, choice: Choice, saying: Saying, after: int = -1) -> Page:
    """Say something of the next photos that are meant, behind a position, in one transaction.

    The choice is made under the session's lock. Raises StepRefused when the session is cancelled.
    """
    with transaction.atomic():
        locked = lock_for_verdicts(session)
        rows = list(choice.rows(locked).filter(position__gt=after).only(*NEEDED).in_order()[:PAGE_ROWS])
        act = write(locked, [row for row in rows if choice.takes(row)], saying)
    return Page(rows[-1].position if rows else after, act, len(rows) < PAGE_ROWS)


def count_chosen(session: ProcessingSession, choice: Choice) -> int:
    """Count the photos that are meant, in flat memory."""
    rows = choice.rows(session)
    if not choice.reason:
        return rows.count()
    return sum(choice.takes(row) for row in rows.only(*NEEDED).in_order().iterator(PAGE_ROWS))


def lock_for_verdicts(session: ProcessingSession) -> ProcessingSession:
    """Lock the session first of all. test: test_two_persons_at_once_leave_the_later_verdict_and_true_counts."""
    locked = ProcessingSession.objects.lock(session.pk)
    if locked.status == Status.CANCELLED:
        raise StepRefused(locked, "take a person's verdict")
    return locked


def write(session: ProcessingSession, rows: Sequence[ImageResult], saying: Saying) -> Act:
    """Add the events, and derive decisions and shift; the caller has locked the session."""
    said = newest_of(session, [row.position for row in rows])
    rows = [row for row in rows if _is_new(said.get(row.position), row, saying)]
    decided: dict[str, list[int]] = {}
    changes: Counter[str] = Counter()
    for row in rows:
        decision = saying.verdict or row.machine_verdict
        if decision != row.decision:
            decided.setdefault(decision, []).append(row.pk)
            changes.update({decision: 1, row.decision: -1})
    events = [_event(session, row, saying) for row in rows]
    Override.objects.bulk_create(events, batch_size=CHUNK_ROWS)
    for decision, rows_decided in decided.items():
        for chunk in chunks(rows_decided):
            ImageResult.objects.filter(pk__in=chunk).update(decision=decision)
    if decided:
        session.shift_by(changes)
    keys = [event.pk for event in events]
    return Act(len(keys), min(keys), max(keys)) if keys else Act()


def _is_new(last: Override | None, row: ImageResult, saying: Saying) -> bool:
    """Whether this was not said already, of this content; nothing can be withdrawn where nothing was said."""
    if not saying.verdict:
        return last is not None and bool(last.new)
    return last is None or (last.verdict_on(row), last.note) != (saying.verdict, saying.note)


def _event(session: ProcessingSession, row: ImageResult, saying: Saying) -> Override:
    return Override(
        session=session,
        position=row.position,
        content=row.content,
        by=saying.by,
        note=saying.note,
        old=row.decision,
        new=saying.verdict,
    )


def newest_of(session: ProcessingSession, positions: Sequence[int]) -> dict[int, Override]:
    """Give the newest event of each of some positions, whether it is in force or not."""
    found: dict[int, Override] = {}
    for chunk in chunks(positions):
        found |= Override.objects.filter(session=session, position__in=chunk).newest()
    return found


def redecide(session: ProcessingSession, positions: Iterable[int] | None = None) -> None:
    """Derive decisions of live rows (all, or these) and the shift again from rows and events, set by set.

    For those who put rows aside, bring some back or change relations; the caller has locked the session's row.
    """
    live = ImageResult.objects.live().filter(session=session)
    if positions is None:
        _redecide(session, live)
    else:
        for chunk in chunks(sorted(set(positions))):
            _redecide(session, live.filter(position__in=chunk))
    session.set_shift(shift_of(session))


def _redecide(session: ProcessingSession, rows: ResultQuerySet) -> None:
    """Decide rows of which nobody said anything as the machine does, the few others by their newest event."""
    said = Override.objects.filter(session=session)
    unsaid = ~Exists(said.filter(position=OuterRef("position")))
    rows.exclude(decision=MACHINES).filter(unsaid).update(decision=MACHINES)
    due = Coalesce(persons_verdict(), MACHINES)
    rows.filter(position__in=said.values("position")).exclude(decision=due).update(decision=due)


def shift_of(session: ProcessingSession) -> dict[str, int]:
    """Count what decisions that differ from measured verdicts add to the counts, from the live rows, in one query."""
    moved = ImageResult.objects.live().filter(session=session).exclude(decision=F("verdict"))
    shift: Counter[str] = Counter()
    for verdict, decision, count in (
        moved.values("verdict", "decision")
        .annotate(n=Count("pk"))
        .order_by()
        .values_list("verdict", "decision", "n")
    ):
        shift.update({decision: count, verdict: -count})
    return {name: count for name, count in sorted(shift.items()) if count}


def persons_verdict() -> Combinable:
    """Give the verdict of a person in force on a row, as SQL; null where there is none. As `Override.verdict_on`."""
    stamp = Concat(
        Cast(OuterRef("size_bytes"), CharField()), Value(" "), Cast(OuterRef("mtime_ns"), CharField())
    )
    content = Coalesce(NullIf(OuterRef("sha256"), Value("")), stamp)
    in_force = Case(When(content=content, then=NullIf("new", Value(""))))
    return Subquery(_newest_event().annotate(in_force=in_force).values("in_force")[:1])


def _newest_event() -> QuerySet[Override]:
    same = Override.objects.filter(session=OuterRef("session"), position=OuterRef("position"))
    return same.order_by("-pk")


def chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), CHUNK_ROWS):
        yield values[start : start + CHUNK_ROWS]
