"""The audit log as a page shows it: entries that a person may see, filtered, in words; and how far it was verified."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from processing import access
from processing.models import ProcessingSession
from recovery.audit import DONE, Action
from recovery.audit_verification import Reading
from recovery.models import AuditEntry, AuditHead

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    Person = User | AnonymousUser

ENTRIES_PER_PAGE = 50
ENTRIES_PER_READ = 2000
# A page verifies at most so many at once: 0.13 ms each. The command has no limit.
VERIFIED_MAX = 50_000
PROBLEMS_SHOWN_MAX = 100
VERIFIED = "audit_verified"
DETAIL_LENGTH_MAX = 80
ACTIONS = {
    Action.SESSION: gettext_lazy("Session begun"),
    Action.RECOVER: gettext_lazy("Recovery"),
    Action.ROLLBACK: gettext_lazy("Recovery undone"),
    Action.REPAIR: gettext_lazy("Repair"),
    Action.CHECKPOINT: gettext_lazy("Checkpoint"),
    Action.PIN: gettext_lazy("Checkpoint kept or not"),
    Action.CLEANUP: gettext_lazy("Checkpoints cleaned up"),
    Action.PAUSE: gettext_lazy("Pause"),
    Action.RESUME: gettext_lazy("Resume"),
    Action.CANCEL: gettext_lazy("Cancellation"),
    Action.DELETE: gettext_lazy("Deletion"),
    Action.ROTATE_KEYS: gettext_lazy("Keys rotated"),
    Action.OVERRIDE: gettext_lazy("Verdict by a person"),
    Action.EXPORT: gettext_lazy("Export"),
    Action.LOGIN: gettext_lazy("Sign-in"),
    Action.LOGIN_FAILED: gettext_lazy("Sign-in refused"),
    Action.LOGOUT: gettext_lazy("Sign-out"),
    Action.TOKEN: gettext_lazy("API token"),
    Action.PRESET: gettext_lazy("Preset"),
    Action.ROLE: gettext_lazy("Role"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are asked for; what is empty does not narrow them."""

    actor: str = ""
    action: str = ""
    session: UUID | None = None
    first_day: date | None = None
    last_day: date | None = None

    def condition(self) -> Q:
        """Give it as a condition on entries; days are those of the time zone of the pages."""
        parts = [
            Q(actor=self.actor) if self.actor else Q(),
            Q(action=self.action) if self.action else Q(),
            Q(session=self.session) if self.session else Q(),
            Q(at__gte=_begin(self.first_day)) if self.first_day else Q(),
            Q(at__lt=_begin(self.last_day) + timedelta(days=1)) if self.last_day else Q(),
        ]
        return Q(*[part for part in parts if part])


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry in words; `session` only if it is still there and may be seen."""

    entry: AuditEntry
    action: str
    session: ProcessingSession | None
    look: str
    icon: str
    outcome: str
    details: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found: how many entries, when, how long it took, the problems, and the last entry's mac."""

    number: int
    at: datetime
    took_s: float
    problems: list[str]
    first_bad: int | None = None
    head: str | None = None


def seen_entries(user: "Person") -> QuerySet[AuditEntry]:
    """Give the entries that a person may see: all to those who audit, else those of own sessions and own acts."""
    if access.may_audit(user):
        return AuditEntry.objects.all()
    own = ProcessingSession.objects.visible_to(user).order_by().values("pk")
    return AuditEntry.objects.filter(Q(session__in=own) | Q(session=None, actor=user.get_username()))


def page_of(user: "Person", wanted: Filter, before: int | None = None) -> tuple[list[EntryLine], int | None]:
    """Give a page of entries, the newest first, and the number before which the next one goes on; None: no more."""
    shown, following = rows_of(user, wanted, before, ENTRIES_PER_PAGE)
    names = {row.session for row in shown if row.session}
    sessions = ProcessingSession.objects.visible_to(user).in_bulk(list(names))
    lines = [_line_of(row, sessions.get(row.session) if row.session else None) for row in shown]
    return lines, following


def rows_of(
    user: "Person", wanted: Filter, before: int | None, limit: int
) -> tuple[list[AuditEntry], int | None]:
    """Give the entries of a page and where the next one goes on, as `page_of` does."""
    found = seen_entries(user).filter(wanted.condition())
    if before is not None:
        found = found.filter(number__lt=before)
    rows = list(found.order_by("-number")[: limit + 1])
    return rows[:limit], rows[limit - 1].number if len(rows) > limit else None


def exported_entries(user: "Person", wanted: Filter) -> Iterator[AuditEntry]:
    """Give every entry that a person may see and asks for, in order, in flat memory."""
    found, number = seen_entries(user).filter(wanted.condition()), -1
    while rows := list(found.filter(number__gt=number).order_by("number")[:ENTRIES_PER_READ]):
        yield from rows
        number = rows[-1].number


def actors_of(user: "Person") -> list[str]:
    """List whose acts there are to choose from: the names of accounts, for those who audit."""
    if not access.may_audit(user):
        return [user.get_username()]
    people = get_user_model().objects.order_by("username").values_list("username", flat=True)
    return list(people[:200])


def verified() -> Verified | None:
    """Give what was verified last; None: nothing since the server has started."""
    known: Verified | None = cache.get(VERIFIED)
    return known


def newest_number() -> int:
    """Give the number of the newest entry."""
    return AuditHead.objects.values_list("number", flat=True).first() or 0


def verify(exported: bytes | None = None) -> Verified | None:
    """Verify the whole log and remember it; None when it is too long for a page.

    `exported` is the mac of an entry that must be in it; what was found with one is not remembered for others.
    """
    if newest_number() > VERIFIED_MAX:
        return None
    begun = time.monotonic()
    reading = Reading(exported)
    problems = [problem.text for problem in reading.problems()]
    took_s = time.monotonic() - begun
    head = reading.mac.hex() or None
    found = Verified(reading.entries_count, timezone.now(), took_s, problems, reading.first_bad, head)
    if exported is None:
        cache.set(VERIFIED, found, None)
    return found


def _line_of(entry: AuditEntry, session: ProcessingSession | None) -> EntryLine:
    word, _colon, why = entry.outcome.partition(": ")
    look, icon = {"done": ("", "completed"), "refused": ("refused", "cancelled")}.get(
        word, ("failed", "warning")
    )
    return EntryLine(
        entry=entry,
        action=str(ACTIONS[Action(entry.action)]) if entry.action in Action.values else entry.action,
        session=session,
        look=look,
        icon=icon,
        outcome=_("done") if entry.outcome == DONE else word,
        details="; ".join(part for part in (why, *_details(entry.details)) if part),
    )


def _details(details: Mapping[str, Any]) -> Iterator[str]:
    for name, value in details.items():
        if value in (None, "", [], {}):
            continue
        shown = (
            ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
        )
        yield f"{name.replace('_', ' ')} {shown[:DETAIL_LENGTH_MAX]}"


def _begin(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))
