"""Evidence in sentences for people: what was seen, what it means, and what could not be seen."""

import signal
from collections.abc import Callable, Iterator

from recovery.evidence import Evidence

MEGABYTE = 1_000_000
ERROR_LETTERS_MAX = 300


def sentences_of(evidence: Evidence, why: str) -> Iterator[str]:
    """Say who died and how, why it is judged so, what else was seen, and what could not be read."""
    yield _who(evidence)
    yield _how(evidence)
    yield why
    for tell in DETAILS:
        sentence = tell(evidence)
        if sentence:
            yield sentence
    missing = missing_of(evidence)
    if missing:
        yield f"Not to be read here: {', '.join(missing)}."


def _who(evidence: Evidence) -> str:
    kind = "The parent process" if evidence.is_parent else "A worker"
    companions = f", and {evidence.workers_count} of its workers with it" if evidence.workers_count else ""
    return f"{kind} {evidence.pid} on {evidence.host} ended without saying so{companions}."


def _how(evidence: Evidence) -> str:
    if evidence.exit_code is None:
        return "Nobody saw how it ended."
    if evidence.exit_code < 0:
        return f"It was ended by signal {_signal_text(-evidence.exit_code)}."
    return f"It ended itself with exit code {evidence.exit_code}."


def _signal_text(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)


def _stop(evidence: Evidence) -> str:
    if evidence.stop_signal is None:
        return ""
    return f"It had been asked to stop by signal {_signal_text(evidence.stop_signal)}."


def _error(evidence: Evidence) -> str:
    if not evidence.last_error:
        return ""
    text = evidence.last_error[:ERROR_LETTERS_MAX].strip()
    overcome = "" if evidence.error_stands or evidence.error_is_fatal else ", which it had overcome,"
    kind = evidence.error_types[0] if evidence.error_types else ""
    return f"Its last error{overcome} was: {kind + ': ' if kind else ''}{text}"


def _dump(evidence: Evidence) -> str:
    return f"Python wrote at its end: {evidence.dump.splitlines()[0]}" if evidence.dump else ""


def _memory(evidence: Evidence) -> str:
    free_bytes = evidence.then.available_bytes
    if evidence.rss_bytes is None or free_bytes is None:
        return ""
    return (
        f"At its last beat it held {evidence.rss_bytes / MEGABYTE:.0f} MB of memory, and the machine had "
        f"{free_bytes / MEGABYTE:.0f} MB left."
    )


def _unrelated_kill(evidence: Evidence) -> str:
    if evidence.host_oom_kills and evidence.own_oom_kills == 0:
        return "The kernel killed another process for want of memory at about that time, none of its memory group."
    return ""


def _disk_errors(evidence: Evidence) -> str:
    count = evidence.filesystem_errors
    return f"The file systems have counted {count} new errors since its last beat." if count else ""


DETAILS: tuple[Callable[[Evidence], str], ...] = (
    _stop,
    _error,
    _dump,
    _unrelated_kill,
    _disk_errors,
    _memory,
)

# What would have helped, and whether it is missing. Of another machine everything is; the rule says so.
MISSING: tuple[tuple[str, Callable[[Evidence], bool]], ...] = (
    ("its flight recorder", lambda e: not e.has_last_words),
    ("its exit status", lambda e: e.exit_code is None),
    ("which boot it ran in", lambda e: not e.is_far and not (e.boot_then and e.boot_now)),
    (
        "the kernel's count of memory kills in its memory group",
        lambda e: not e.is_far and not e.has_another_boot and e.own_oom_kills is None,
    ),
    (
        "the kernel's count of memory kills on this machine",
        lambda e: not e.is_far and not e.has_another_boot and e.host_oom_kills is None,
    ),
    ("the kernel's record of a crash (pstore)", lambda e: e.has_another_boot and e.panic is None),
)


def missing_of(evidence: Evidence) -> list[str]:
    """Name the evidence that could not be read and might have told more."""
    return [name for name, is_missing in MISSING if is_missing(evidence)]
