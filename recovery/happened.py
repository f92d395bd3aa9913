"""What the pages say of an interruption: when, why, how sure that is, and what else it may have been."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from processing import wording
from processing.models import ProcessingSession
from processing.states import Status
from recovery import detection
from recovery.models import Checkpoint, Crash, CrashType

BAR_WIDTH = 1000
SHORT_ID_LENGTH = 8

CAUSES = {
    CrashType.POWER_FAILURE: gettext_lazy("a power failure"),
    CrashType.SYSTEM_CRASH: gettext_lazy("a crash of the whole computer"),
    CrashType.APPLICATION_CRASH: gettext_lazy("a fault of the program"),
    CrashType.OUT_OF_MEMORY: gettext_lazy("too little memory"),
    CrashType.NETWORK_FAILURE: gettext_lazy("a network failure"),
    CrashType.STORAGE_FAILURE: gettext_lazy("a storage failure"),
    CrashType.STOPPED: gettext_lazy("somebody who stopped it"),
}
# Words for raw facts; what has none is shown under its own name.
FACTS = {
    "exit_code": gettext_lazy("Exit code"),
    "stop_signal": gettext_lazy("Asked to stop by signal"),
    "phase": gettext_lazy("Last phase"),
    "last_error": gettext_lazy("Last error"),
    "dump": gettext_lazy("Last words of Python"),
    "rss_bytes": gettext_lazy("Memory held"),
    "panic": gettext_lazy("Record of a crash by the kernel"),
    "workers_count": gettext_lazy("Workers lost with it"),
}
SAID_ELSEWHERE = {"batch", "pid", "host", "boot_then", "boot_now", "is_parent", "is_far", "then", "now"}


@dataclass(frozen=True, slots=True)
class Share:
    """One cause that was weighed: its probability, and the length of its bar in thousandths."""

    word: str
    percent: str
    length: str


@dataclass(frozen=True, slots=True)
class Happened:
    """What brought a session to a stop. `cause` is the sentence, `percent` its certainty, empty when none is named."""

    cause: str
    percent: str
    sentences: list[str]
    others: list[Share]
    photo: str
    crash: Crash | None
    at: datetime | None
    ago: str
    details: list[tuple[str, str]]
    facts: list[tuple[str, str]]


def happened_to(session: ProcessingSession) -> Happened:
    """Say what brought a session to a stop: its last crash, an error, or a person."""
    crash = detection.last_crash_of(session)
    counts = crash is not None and (session.status == Status.INTERRUPTED or crash.closed_at is None)
    weighed = crash if counts else None
    at = session.crashed_at or (weighed.detected_at if weighed else None)
    return Happened(
        cause=cause_of(weighed) if weighed else _state_of(session),
        percent=certainty_of(weighed) if weighed else "",
        sentences=list(weighed.evidence) if weighed else [],
        others=list(_shares(weighed.probabilities)) if weighed else [],
        photo=weighed.photo if weighed else "",
        crash=weighed,
        at=at,
        ago=ago(at) if at else "",
        details=list(_details(session, weighed)),
        facts=list(_facts(weighed.facts)) if weighed else [],
    )


def cause_of(crash: Crash) -> str:
    """Say the most likely cause, the certainty as a word before it: Very likely a power failure."""
    cause = CAUSES.get(CrashType(crash.crash_type))
    if cause is None:
        return _("What ended it left no trace")
    words = wording.certainty(_probability(crash))
    return f"{words[:1].upper()}{words[1:]} {cause}"


def certainty_of(crash: Crash) -> str:
    """Write how sure the most likely cause is, as a figure; empty where no cause is named."""
    is_named = crash.probabilities and CrashType(crash.crash_type) in CAUSES
    return percent(_probability(crash)) if is_named else ""


def percent(share: float) -> str:
    """Write a share from 0 to 1 in whole percent; what is not sure is never rounded up to 100."""
    whole = 100 if share >= 1 else min(round(100 * share), 99)
    return f"{whole}{wording.NO_BREAK}%"


def ago(moment: datetime) -> str:
    """Say how long ago something was, in one unit."""
    passed_s = max((timezone.now() - moment).total_seconds(), 0)
    return _("{duration} ago").format(duration=wording.forecast(passed_s))


def _probability(crash: Crash) -> float:
    return max(crash.probabilities.values(), default=0.0)


def _state_of(session: ProcessingSession) -> str:
    texts = {
        Status.FAILED: session.last_error,
        Status.PAUSED: _("Paused by {name}").format(name=session.hold_by) if session.hold_by else _("Paused"),
        Status.COMPLETED: _("It is completed"),
        Status.CANCELLED: _("It was cancelled for good"),
        Status.INTERRUPTED: _("Why it stopped was not written down"),
    }
    return texts.get(session.status) or _("Nothing has interrupted it")


def _shares(probabilities: Mapping[str, float]) -> Iterator[Share]:
    """Give what was weighed, the most likely first; what cannot have been is left out."""
    for name, share in sorted(probabilities.items(), key=lambda item: -item[1]):
        if share > 0:
            yield Share(_word_of(name), percent(share), f"{BAR_WIDTH * share:.1f}")


def _word_of(cause: str) -> str:
    if cause == CrashType.UNKNOWN:
        return _("Nothing that leaves a trace")
    return str(CrashType(cause).label).capitalize() if cause in CrashType.values else cause


def _details(session: ProcessingSession, crash: Crash | None) -> Iterator[tuple[str, str]]:
    yield _("Session"), str(session.pk)
    yield _("Attempt"), str(session.attempt)
    checkpoint = Checkpoint.objects.latest_intact(session)
    if checkpoint is not None:
        kind = str(checkpoint.get_checkpoint_type_display())
        yield (
            _("Checkpoint"),
            f"{str(checkpoint.pk)[:SHORT_ID_LENGTH]}, {kind}, {wording.instant(checkpoint.created_at)}",
        )
    if crash is not None:
        worker = crash.worker
        yield _("Crash"), str(crash.pk)[:SHORT_ID_LENGTH]
        yield _("Process"), f"{worker.pid} @ {worker.host}"
        yield _("Last sign of life"), wording.instant(worker.heartbeat_at)
        yield _("Boot before"), (crash.facts.get("boot_then") or _("not known"))[:SHORT_ID_LENGTH]
        yield _("Boot after"), (crash.facts.get("boot_now") or _("not known"))[:SHORT_ID_LENGTH]
    yield _("On a terminal"), f"manage.py recover {str(session.pk)[:SHORT_ID_LENGTH]} --yes"


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the raw facts that say something."""
    for name, value in facts.items():
        if name in SAID_ELSEWHERE or value in (None, "", [], {}, 0, False):
            continue
        shown = "; ".join(str(part) for part in value) if isinstance(value, list) else str(value)
        yield str(FACTS.get(name) or name.replace("_", " ").capitalize()), shown
