"""What happened: from evidence to the probability of each cause, and the sentences that justify it. Pure."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processing.worker import OUT_OF_MEMORY_EXIT, PHOTO_TIMEOUT_EXIT
from recovery.errors import kind_of_error
from recovery.evidence import Evidence
from recovery.models import CrashType
from recovery.testimony import sentences_of

POWER = CrashType.POWER_FAILURE
SYSTEM = CrashType.SYSTEM_CRASH
APPLICATION = CrashType.APPLICATION_CRASH
MEMORY = CrashType.OUT_OF_MEMORY
NETWORK = CrashType.NETWORK_FAILURE
STORAGE = CrashType.STORAGE_FAILURE
STOPPED = CrashType.STOPPED
UNKNOWN = CrashType.UNKNOWN

# Signals that the kernel sends a program for its own fault.
FAULTS = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGABRT,
    signal.SIGILL,
    signal.SIGFPE,
    signal.SIGSYS,
    signal.SIGTRAP,
    signal.SIGXCPU,
    signal.SIGXFSZ,
}
POLITE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
# What a shell or a program of ours gives when such a signal ended it.
POLITE_EXITS = {128 + signum for signum in POLITE}


@dataclass(frozen=True, slots=True)
class Rule:
    """One step of the decision: when it holds, what it makes how likely, and why."""

    holds: Callable[[Evidence], bool]
    weights: Mapping[CrashType, float]
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What most likely happened. `probabilities` has all types and adds up to 1; `evidence` are sentences."""

    crash_type: CrashType
    probabilities: Mapping[str, float]
    evidence: tuple[str, ...]


def _ended_by(signals: set[signal.Signals]) -> Callable[[Evidence], bool]:
    return lambda e: e.exit_code is not None and -e.exit_code in signals


def _exited(*codes: int) -> Callable[[Evidence], bool]:
    return lambda e: e.exit_code in codes


def _killed(evidence: Evidence) -> bool:
    """Whether it went as SIGKILL lets a process go: without a word; also when nobody saw it."""
    return evidence.exit_code in (None, -signal.SIGKILL) and not evidence.was_ending


def _died_of(kind: CrashType) -> Callable[[Evidence], bool]:
    return lambda e: (e.error_is_fatal or (e.was_ending and e.error_stands)) and kind_of_error(e) == kind


def _in_trouble(kind: CrashType) -> Callable[[Evidence], bool]:
    return lambda e: e.error_stands and _killed(e) and kind_of_error(e) == kind


# The first that holds decides. The order is that of facts about the process itself, then those about its end, then
# those about the machine, then what is left when nothing was written down.
RULES: tuple[Rule, ...] = (
    Rule(
        lambda e: e.is_far,
        {UNKNOWN: 0.45, NETWORK: 0.25, POWER: 0.2, SYSTEM: 0.05, APPLICATION: 0.05},
        "That machine fell silent, and nothing but its silence is known here: it may have lost its power or its "
        "network, or the program was killed with everything else.",
    ),
    Rule(
        lambda e: e.exit_code == OUT_OF_MEMORY_EXIT or e.phase == "out_of_memory",
        {MEMORY: 0.96, UNKNOWN: 0.04},
        "It gave up because there was not enough memory for a single photo.",
    ),
    Rule(
        lambda e: e.exit_code == PHOTO_TIMEOUT_EXIT or e.phase == "timeout" or e.dump.startswith("Timeout"),
        {APPLICATION: 0.94, UNKNOWN: 0.06},
        "It ended itself because a photo was in flight for longer than its time limit.",
    ),
    Rule(
        lambda e: e.exit_code == -signal.SIGBUS and bool(e.filesystem_errors),
        {STORAGE: 0.75, APPLICATION: 0.2, UNKNOWN: 0.05},
        "A file could not be read into memory while a disk counted new errors.",
    ),
    Rule(
        lambda e: _ended_by(FAULTS)(e) or (bool(e.dump) and not e.was_ending),
        {APPLICATION: 0.95, MEMORY: 0.03, UNKNOWN: 0.02},
        "That is a fault of the program or of a library, often at a damaged photo.",
    ),
    Rule(
        lambda e: _killed(e) and bool(e.own_oom_kills),
        {MEMORY: 0.93, UNKNOWN: 0.07},
        "The kernel killed a process of its memory group for want of memory since its last beat.",
    ),
    Rule(
        lambda e: e.stop_signal is not None and e.has_another_boot,
        {STOPPED: 0.87, POWER: 0.08, SYSTEM: 0.03, UNKNOWN: 0.02},
        "Somebody had asked it to stop, and the machine was started anew: it was shut down in order.",
    ),
    Rule(
        lambda e: e.stop_signal is not None,
        {STOPPED: 0.93, UNKNOWN: 0.04, APPLICATION: 0.03},
        "Somebody had asked it to stop, and it was ended before it had said that it was done.",
    ),
    Rule(
        lambda e: _ended_by(POLITE)(e) or e.exit_code in POLITE_EXITS,
        {STOPPED: 0.93, UNKNOWN: 0.05, APPLICATION: 0.02},
        "That is how a person or the system asks a program to end.",
    ),
    Rule(
        _died_of(MEMORY),
        {MEMORY: 0.95, APPLICATION: 0.05},
        "It ended itself because it was given no more memory.",
    ),
    Rule(
        _died_of(STORAGE),
        {STORAGE: 0.95, APPLICATION: 0.03, UNKNOWN: 0.02},
        "It ended itself because a disk is full, broken or not to be written to.",
    ),
    Rule(
        _died_of(NETWORK),
        {NETWORK: 0.93, APPLICATION: 0.04, UNKNOWN: 0.03},
        "It ended itself because another machine or the database could not be reached.",
    ),
    Rule(
        _died_of(APPLICATION),
        {APPLICATION: 0.95, UNKNOWN: 0.05},
        "It ended itself because of an error that nobody had expected.",
    ),
    Rule(
        lambda e: e.has_another_boot and e.panic is True,
        {SYSTEM: 0.92, POWER: 0.04, UNKNOWN: 0.04},
        "The machine was started anew, and the kernel has kept the record of its own crash.",
    ),
    Rule(
        lambda e: e.has_another_boot and e.panic is False,
        {POWER: 0.8, SYSTEM: 0.12, UNKNOWN: 0.08},
        "The machine was started anew without having been shut down; the kernel would have kept a record of its own "
        "crash and has none, so most likely the power was cut or somebody pressed reset.",
    ),
    Rule(
        lambda e: e.has_another_boot,
        {POWER: 0.72, SYSTEM: 0.2, UNKNOWN: 0.08},
        "The machine was started anew without having been shut down; a power cut and a crash of the whole system "
        "cannot be told apart here, since the kernel keeps no record of its crashes (pstore).",
    ),
    Rule(
        lambda e: e.has_another_container and bool(e.host_oom_kills),
        {MEMORY: 0.65, UNKNOWN: 0.25, STOPPED: 0.1},
        "Its container was started anew, and the kernel killed a process for want of memory since the last beat.",
    ),
    Rule(
        lambda e: e.has_another_container,
        {UNKNOWN: 0.55, STOPPED: 0.3, APPLICATION: 0.1, MEMORY: 0.05},
        "Its container was started anew while the machine went on; who ended the old one left no trace here.",
    ),
    Rule(
        lambda e: e.exit_code is not None and e.exit_code > 0,
        {APPLICATION: 0.93, UNKNOWN: 0.07},
        "The program ended itself without a word about why, as a library may do.",
    ),
    Rule(
        lambda e: _killed(e) and e.own_oom_kills is None and bool(e.host_oom_kills),
        {MEMORY: 0.65, UNKNOWN: 0.35},
        "The kernel killed a process of this machine for want of memory since the last beat; whether it was this one "
        "cannot be read.",
    ),
    Rule(
        _in_trouble(NETWORK),
        {UNKNOWN: 0.6, NETWORK: 0.35, STOPPED: 0.05},
        "It was killed from outside while it waited for the database or another machine.",
    ),
    Rule(
        _in_trouble(STORAGE),
        {UNKNOWN: 0.6, STORAGE: 0.35, STOPPED: 0.05},
        "It was killed from outside while it waited for a disk.",
    ),
    Rule(
        lambda e: e.exit_code == -signal.SIGKILL and e.host_oom_kills is None and e.own_oom_kills is None,
        {UNKNOWN: 0.7, MEMORY: 0.2, STOPPED: 0.1},
        "It was killed from outside; whether the kernel did that for want of memory cannot be read.",
    ),
    Rule(
        _ended_by({signal.SIGKILL}),
        {UNKNOWN: 0.9, STOPPED: 0.1},
        "It was killed from outside, not for want of memory; who did it leaves no trace.",
    ),
    Rule(
        lambda e: e.exit_code is not None and e.exit_code < 0,
        {UNKNOWN: 0.75, APPLICATION: 0.2, STOPPED: 0.05},
        "Somebody sent it a signal that is no usual way to end a program.",
    ),
    Rule(
        _exited(0),
        {APPLICATION: 0.75, UNKNOWN: 0.25},
        "The program ended itself as if all were well, and did not say that it was done.",
    ),
    Rule(
        lambda e: e.host_oom_kills is None and e.own_oom_kills is None,
        {UNKNOWN: 0.65, MEMORY: 0.15, APPLICATION: 0.1, STOPPED: 0.1},
        "It was gone without a word: killed from outside, or ended by a fault that left none.",
    ),
    Rule(
        lambda _e: True,
        {UNKNOWN: 0.82, APPLICATION: 0.09, STOPPED: 0.09},
        "It was gone without a word, most likely killed from outside, not for want of memory; who did it leaves no "
        "trace.",
    ),
)


def classify(evidence: Evidence) -> Verdict:
    """Judge a death. The same evidence gives the same verdict, at any time and on any machine."""
    rule = next(rule for rule in RULES if rule.holds(evidence))
    probabilities = {kind.value: rule.weights.get(kind, 0.0) for kind in CrashType}
    crash_type = max(CrashType, key=lambda kind: probabilities[kind.value])
    return Verdict(crash_type, probabilities, tuple(sentences_of(evidence, rule.why)))
