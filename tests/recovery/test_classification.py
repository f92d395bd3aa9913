"""What happened: a table of evidence with the cause that each row must lead to, and what holds for all rows."""

import errno
import signal
from dataclasses import fields, replace
from typing import Any

import pytest

from processing.vitals import Vitals
from processing.worker import ENDING, OUT_OF_MEMORY_EXIT, PHOTO_TIMEOUT_EXIT
from recovery.classification import RULES, classify
from recovery.evidence import Evidence
from recovery.models import CrashType
from recovery.testimony import MISSING, missing_of

COUNTED = Vitals(
    container="25 pid:[1]",
    own_oom=1,
    own_oom_path="/sys/fs/cgroup/memory/memory.oom_control",
    host_oom=3,
    available_bytes=8_000_000_000,
    filesystem_errors=0,
)
OWN_KILL = replace(COUNTED, own_oom=2, host_oom=4)
OTHERS_KILL = replace(COUNTED, host_oom=4)
HOST_ONLY = replace(COUNTED, own_oom=None, own_oom_path=None)
BAD_DISK = replace(COUNTED, filesystem_errors=2)
NEW_CONTAINER = replace(COUNTED, container="9 pid:[2]", own_oom=0)
NOTHING: dict[str, Any] = {"then": Vitals(), "now": Vitals()}
SEEN = {name: getattr(signal, f"SIG{name}") for name in ("SEGV", "BUS", "ABRT", "ILL", "FPE", "SYS", "TRAP")}
PSYCOPG = ("django.db.utils.OperationalError", "psycopg.OperationalError", "psycopg.DatabaseError")
SQLITE = ("django.db.utils.OperationalError", "sqlite3.OperationalError", "sqlite3.DatabaseError")


def evidence(**facts: Any) -> Evidence:
    """Give the evidence of a worker of this machine that was gone without a word, but for these facts."""
    usual: dict[str, Any] = {
        "pid": 4242,
        "host": "atelier",
        "boot_then": "monday",
        "boot_now": "monday",
        "has_last_words": True,
        "phase": "analyze",
        "then": COUNTED,
        "now": COUNTED,
        "rss_bytes": 900_000_000,
    }
    return Evidence(**(usual | facts))


def died_of(*types: str, number: int | None = None, code: str = "", **facts: Any) -> dict[str, Any]:
    """Give the facts of an error that ended the process."""
    words = {"last_error": "it failed", "error_types": types, "error_errno": number, "error_code": code}
    return {"exit_code": 1, "error_stands": True, "error_is_fatal": True} | words | facts


def waits_for(*types: str, **facts: Any) -> dict[str, Any]:
    """Give the facts of an error that stands while the process waits for it to go."""
    return died_of(*types, **({"exit_code": None, "error_is_fatal": False} | facts))


def overcame(*types: str, **facts: Any) -> dict[str, Any]:
    """Give the facts of an error that is long gone."""
    return waits_for(*types, error_stands=False, **facts)


BOOT = {"boot_now": "tuesday"}
DUMP = "Fatal Python error: Segmentation fault\n\nCurrent thread"

TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    # Another boot.
    "another boot": ("power_failure", BOOT),
    "another boot, a parent": ("power_failure", BOOT | {"is_parent": True, "workers_count": 2}),
    "another boot, no panic kept": ("power_failure", BOOT | {"panic": False}),
    "another boot, recorder empty": ("power_failure", BOOT | {"has_last_words": False, "phase": ""}),
    "another boot, counters reset": (
        "power_failure",
        BOOT | {"now": replace(COUNTED, own_oom=0, host_oom=0)},
    ),
    "another boot, counters higher": (
        "power_failure",
        BOOT | {"now": replace(COUNTED, own_oom=9, host_oom=9)},
    ),
    "another boot, error overcome": ("power_failure", BOOT | overcame(*PSYCOPG)),
    "another boot, error stood": ("power_failure", BOOT | waits_for(*PSYCOPG)),
    "another boot after a panic": ("system_crash", BOOT | {"panic": True}),
    "another boot after a shutdown": ("stopped", BOOT | {"stop_signal": 15}),
    "another boot after its own death": ("application_crash", BOOT | died_of("ValueError")),
    "another boot after its own fault": ("application_crash", BOOT | {"dump": DUMP}),
    "a panic of another day": ("unknown", {"panic": True}),
    # The program's own fault.
    **{f"signal {name}": ("application_crash", {"exit_code": -number}) for name, number in SEEN.items()},
    "signal XCPU": ("application_crash", {"exit_code": -signal.SIGXCPU}),
    "fault that nobody saw": ("application_crash", {"dump": DUMP}),
    "fault while a kill was counted": ("application_crash", {"exit_code": -11, "now": OWN_KILL}),
    "fault after a stop was asked for": ("application_crash", {"exit_code": -6, "stop_signal": 15}),
    "fault on a far-away disk": ("application_crash", {"exit_code": -11, "now": BAD_DISK}),
    "bus error on a bad disk": ("storage_failure", {"exit_code": -signal.SIGBUS, "now": BAD_DISK}),
    "exit 3 without a word": ("application_crash", {"exit_code": 3}),
    "exit 1 without a word": ("application_crash", {"exit_code": 1}),
    "exit 0 without an end": ("application_crash", {"exit_code": 0}),
    "exit 3 while another was killed": ("application_crash", {"exit_code": 3, "now": OTHERS_KILL}),
    "exit 3 after an error overcome": (
        "application_crash",
        {"exit_code": 3} | overcame(*PSYCOPG, exit_code=3),
    ),
    "photo too slow": ("application_crash", {"exit_code": PHOTO_TIMEOUT_EXIT, "phase": "timeout"}),
    "photo too slow, nobody saw": ("application_crash", {"phase": "timeout"}),
    "photo too slow in native code": ("application_crash", {"exit_code": 1, "dump": "Timeout (0:01:00)!\n"}),
    "unexpected error": ("application_crash", died_of("ValueError")),
    "unexpected error, nobody saw": ("application_crash", died_of("KeyError", "LookupError", exit_code=None)),
    "table missing": ("application_crash", died_of(*SQLITE, code="SQLITE_ERROR")),
    "syntax error of SQL": ("application_crash", died_of(*PSYCOPG, code="42601")),
    "file missing": ("application_crash", died_of("FileNotFoundError", "OSError", number=errno.ENOENT)),
    # Memory.
    "killed, its group counted": ("out_of_memory", {"exit_code": -9, "now": OWN_KILL}),
    "gone, its group counted": ("out_of_memory", {"now": OWN_KILL}),
    "parent gone, its group counted": ("out_of_memory", {"now": OWN_KILL, "is_parent": True}),
    "killed by the group while stopping": ("out_of_memory", {"now": OWN_KILL, "stop_signal": 15}),
    "killed, the host counted alone": (
        "out_of_memory",
        {"exit_code": -9, "then": HOST_ONLY, "now": OTHERS_KILL},
    ),
    "gone, its group is gone too": ("out_of_memory", {"now": replace(HOST_ONLY, host_oom=4)}),
    "no memory for one photo": ("out_of_memory", {"exit_code": OUT_OF_MEMORY_EXIT}),
    "no memory for one photo, nobody saw": ("out_of_memory", {"phase": "out_of_memory"}),
    "MemoryError": ("out_of_memory", died_of("MemoryError")),
    "torch out of memory": ("out_of_memory", died_of("torch.OutOfMemoryError", "RuntimeError")),
    "ENOMEM": ("out_of_memory", died_of("OSError", number=errno.ENOMEM)),
    "PostgreSQL out of memory": ("out_of_memory", died_of(*PSYCOPG, code="53200")),
    "container anew, host counted": ("out_of_memory", {"now": replace(NEW_CONTAINER, host_oom=4)}),
    # Network.
    "connection refused": ("network_failure", died_of("ConnectionRefusedError", number=errno.ECONNREFUSED)),
    "connection reset": ("network_failure", died_of("ConnectionResetError", number=errno.ECONNRESET)),
    "no route": ("network_failure", died_of("OSError", number=errno.EHOSTUNREACH)),
    "stale NFS": ("network_failure", died_of("OSError", number=errno.ESTALE)),
    "name not found": ("network_failure", died_of("socket.gaierror", "OSError", number=-2)),
    "time-out": ("network_failure", died_of("TimeoutError", "OSError")),
    "PostgreSQL refused": ("network_failure", died_of(*PSYCOPG)),
    "PostgreSQL shut down": ("network_failure", died_of(*PSYCOPG, code="57P01")),
    "PostgreSQL cut": ("network_failure", died_of(*PSYCOPG, code="08006")),
    "clean end not written": ("network_failure", waits_for(*PSYCOPG, phase=ENDING)),
    "stopped, clean end not written": ("stopped", waits_for(*PSYCOPG, phase=ENDING, stop_signal=15)),
    # Storage.
    "disk full": ("storage_failure", died_of("OSError", number=errno.ENOSPC)),
    "quota": ("storage_failure", died_of("OSError", number=errno.EDQUOT)),
    "disk broken": ("storage_failure", died_of("OSError", number=errno.EIO)),
    "read only": ("storage_failure", died_of("OSError", number=errno.EROFS)),
    "SQLite full": ("storage_failure", died_of(*SQLITE, code="SQLITE_FULL")),
    "SQLite broken": ("storage_failure", died_of(*SQLITE, code="SQLITE_IOERR_FSYNC")),
    "SQLite read only": ("storage_failure", died_of(*SQLITE, code="SQLITE_READONLY")),
    "PostgreSQL full": ("storage_failure", died_of(*PSYCOPG, code="53100")),
    "clean end not written, disk full": (
        "storage_failure",
        waits_for(*SQLITE, code="SQLITE_FULL", phase=ENDING),
    ),
    # A person.
    "SIGTERM unhandled": ("stopped", {"exit_code": -15}),
    "Ctrl-C unhandled": ("stopped", {"exit_code": -2}),
    "terminal closed": ("stopped", {"exit_code": -1}),
    "exit 143": ("stopped", {"exit_code": 143}),
    "stop asked for, then killed": ("stopped", {"stop_signal": 15, "exit_code": -9}),
    "stop asked for, then gone": ("stopped", {"stop_signal": 2}),
    "stop asked for, then an error": ("stopped", died_of(*PSYCOPG, stop_signal=15)),
    "stop asked for while another was killed": ("stopped", {"stop_signal": 15, "now": OTHERS_KILL}),
    # Who knows.
    "killed": ("unknown", {"exit_code": -9}),
    "killed while another was killed": ("unknown", {"exit_code": -9, "now": OTHERS_KILL}),
    "gone while another was killed": ("unknown", {"now": OTHERS_KILL}),
    "gone": ("unknown", {}),
    "parent gone": ("unknown", {"is_parent": True, "workers_count": 3}),
    "gone, nothing counted": ("unknown", NOTHING),
    "killed, nothing counted": ("unknown", NOTHING | {"exit_code": -9}),
    "killed after an error overcome": ("unknown", overcame(*PSYCOPG, exit_code=-9)),
    "killed while the database was away": ("unknown", waits_for(*PSYCOPG, exit_code=-9)),
    "killed while the disk was full": ("unknown", waits_for("OSError", number=errno.ENOSPC, exit_code=-9)),
    "killed by an odd signal": ("unknown", {"exit_code": -signal.SIGUSR1}),
    "boot not known": ("unknown", {"boot_then": "", "boot_now": ""}),
    "container anew": ("unknown", {"now": NEW_CONTAINER}),
    "far and silent": ("unknown", NOTHING | {"is_far": True, "boot_now": "other", "has_last_words": False}),
    "clean end not written, no error": ("unknown", {"phase": ENDING}),
}


@pytest.mark.parametrize("name", TABLE)
def test_cause_is_told_from_the_evidence(name: str) -> None:
    expected, facts = TABLE[name]

    verdict = classify(evidence(**facts))

    assert verdict.crash_type == expected, verdict


@pytest.mark.parametrize("name", TABLE)
def test_verdict_is_complete_whatever_the_evidence(name: str) -> None:
    found = evidence(**TABLE[name][1])

    verdict = classify(found)

    assert list(verdict.probabilities) == CrashType.values
    assert sum(verdict.probabilities.values()) == pytest.approx(1, abs=1e-9)
    assert all(0 <= share < 1 for share in verdict.probabilities.values())
    assert max(verdict.probabilities, key=verdict.probabilities.__getitem__) == verdict.crash_type
    assert all(sentence[:1].isupper() and sentence == sentence.strip() for sentence in verdict.evidence)
    assert len(set(verdict.evidence)) == len(verdict.evidence) >= 3
    assert classify(found) == verdict


def test_table_is_long_and_asks_for_every_cause_by_every_rule() -> None:
    deciding = [
        next(rule.why for rule in RULES if rule.holds(evidence(**facts))) for _, facts in TABLE.values()
    ]

    assert len(TABLE) >= 60
    assert {expected for expected, _ in TABLE.values()} == set(CrashType.values)
    assert [rule.why for rule in RULES if rule.why not in deciding] == []


def test_power_cut_is_never_sure_while_the_kernel_keeps_no_record_of_its_crashes() -> None:
    verdict = classify(evidence(**BOOT))

    assert verdict.probabilities["power_failure"] <= 0.8
    assert verdict.probabilities["system_crash"] > 0.1
    assert "cannot be told apart" in verdict.evidence[2]
    assert verdict.evidence[-1] == (
        "Not to be read here: its exit status, the kernel's record of a crash (pstore)."
    )


@pytest.mark.parametrize(
    ("missing", "facts"),
    [
        (MISSING[0][0], {"has_last_words": False, "exit_code": 3}),
        (MISSING[1][0], {}),
        (MISSING[2][0], {"boot_then": "", "exit_code": 3}),
        (MISSING[3][0], {"then": HOST_ONLY, "exit_code": 3}),
        (MISSING[4][0], {"now": replace(COUNTED, host_oom=None), "exit_code": 3}),
        (MISSING[5][0], BOOT | {"exit_code": 3}),
    ],
)
def test_what_cannot_be_read_is_named(missing: str, facts: dict[str, Any]) -> None:
    found = evidence(**facts)

    assert missing_of(found) == [missing]
    assert classify(found).evidence[-1] == f"Not to be read here: {missing}."


def test_nothing_is_said_to_be_missing_when_all_was_read() -> None:
    verdict = classify(evidence(exit_code=-9))

    assert verdict.evidence == (
        "A worker 4242 on atelier ended without saying so.",
        "It was ended by signal 9 (SIGKILL).",
        "It was killed from outside, not for want of memory; who did it leaves no trace.",
        "At its last beat it held 900 MB of memory, and the machine had 8000 MB left.",
    )


def test_sentences_tell_what_else_was_seen() -> None:
    found = evidence(
        is_parent=True,
        workers_count=2,
        stop_signal=15,
        now=replace(OTHERS_KILL, filesystem_errors=3),
        dump=DUMP,
        **overcame("ConnectionResetError", "OSError", exit_code=-64),
    )

    verdict = classify(found)

    assert verdict.evidence[:2] == (
        "The parent process 4242 on atelier ended without saying so, and 2 of its workers with it.",
        "It was ended by signal 64 (SIGRTMAX).",
    )
    assert verdict.evidence[3:] == (
        "It had been asked to stop by signal 15 (SIGTERM).",
        "Its last error, which it had overcome, was: ConnectionResetError: it failed",
        "Python wrote at its end: Fatal Python error: Segmentation fault",
        "The kernel killed another process for want of memory at about that time, none of its memory group.",
        "The file systems have counted 3 new errors since its last beat.",
        "At its last beat it held 900 MB of memory, and the machine had 8000 MB left.",
    )


def test_counter_that_went_back_is_another_counter() -> None:
    found = evidence(now=replace(COUNTED, own_oom=0, host_oom=4), exit_code=-9)

    assert (found.own_oom_kills, found.host_oom_kills) == (None, 1)


def test_facts_of_evidence_are_all_there_as_json_and_the_dump_is_short() -> None:
    facts = evidence(dump="line\n" * 1000, error_types=("OSError",)).as_facts()

    assert set(facts) == {one.name for one in fields(Evidence)}
    assert (len(facts["dump"]), facts["error_types"], facts["then"]["host_oom"]) == (30, ["OSError"], 3)
