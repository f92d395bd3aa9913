"""Reading evidence: from the row, the last words, and the machine as it is now."""

import os
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processing.burial import Burial
from processing.models import Worker
from processing.recorder import Flight
from processing.vitals import Vitals
from processing.worker import ENDING
from recovery import evidence
from recovery.evidence import Machine, read_evidence, read_panic
from tests.factories import make_worker

AT_BEAT = Vitals("25 pid:[1]", 1, "/sys/fs/cgroup/jobs/memory.events", 3, 9_000, 0)
AFTER = Vitals("25 pid:[1]", 2, "/sys/fs/cgroup/jobs/memory.events", 4, 10_000, 1)
MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
ERROR = {"types": ["OSError"], "errno": 28, "code": "", "stands": True, "fatal": True}


def machine(*, host: str = "atelier", boot: str = "monday", panic: bool | None = False) -> Machine:
    """Give a machine that answers so; of any other memory group than the dead one's it knows nothing."""
    return Machine(
        host=lambda: host,
        boot=lambda: boot,
        vitals=lambda path: AFTER if path == AT_BEAT.own_oom_path else Vitals(),
        panic=lambda since: panic if since == MORNING else None,
    )


def burial(*, own: Flight, dump: str = "", workers_count: int = 0, **columns: Any) -> Burial:
    """Give what was found at the death of a process on the machine `atelier`, booted on Monday."""
    usual: dict[str, Any] = {"host": "atelier", "boot_id": "monday", "pid": 7, "heartbeat_at": MORNING}
    return Burial(
        worker=Worker(**(usual | columns)),
        exit_code=-9,
        flights={},
        own=own,
        dump=dump,
        workers_count=workers_count,
        interrupted=(),
        touched=(),
        discarded={},
        with_parent=True,
    )


def test_evidence_has_the_last_words_and_what_has_changed_since() -> None:
    words = Flight(
        phase="analyze", last_error="No space", error=ERROR, stop_signal=15, vitals=AT_BEAT.as_facts()
    )

    found = read_evidence(
        burial(own=words, dump="Fatal", workers_count=2, telemetry={"rss_bytes": 5}), machine()
    )

    assert (found.pid, found.host, found.is_parent, found.workers_count) == (7, "atelier", True, 2)
    assert (found.exit_code, found.stop_signal, found.has_last_words, found.phase) == (
        -9,
        15,
        True,
        "analyze",
    )
    assert (found.last_error, found.error_types, found.error_errno, found.error_code) == (
        "No space",
        ("OSError",),
        28,
        "",
    )
    assert (found.error_stands, found.error_is_fatal, found.dump, found.rss_bytes) == (True, True, "Fatal", 5)
    assert (found.then, found.now, found.panic) == (AT_BEAT, AFTER, False)
    assert (found.own_oom_kills, found.host_oom_kills, found.filesystem_errors) == (1, 1, 1)
    assert (found.is_far, found.has_another_boot, found.has_another_container) == (False, False, False)


def test_counters_come_from_the_row_when_the_recorder_is_gone() -> None:
    found = read_evidence(burial(own=Flight(), telemetry={"vitals": AT_BEAT.as_facts()}), machine())

    assert (found.has_last_words, found.then, found.own_oom_kills) == (False, AT_BEAT, 1)


def test_machine_that_was_started_anew_is_seen_by_its_boot_and_its_counters_mean_nothing() -> None:
    words = Flight(phase="analyze", vitals=AT_BEAT.as_facts())

    found = read_evidence(burial(own=words), machine(boot="tuesday", panic=True))

    assert (found.has_another_boot, found.panic, found.is_far) == (True, True, False)
    assert (found.own_oom_kills, found.host_oom_kills, found.filesystem_errors) == (None, None, 1)


def test_container_that_was_started_anew_is_seen_under_the_same_boot_though_its_name_is_new() -> None:
    words = Flight(phase="analyze", vitals=replace(AT_BEAT, container="99 pid:[2]").as_facts())

    found = read_evidence(burial(own=words), machine(host="other"))

    assert (found.is_far, found.has_another_boot, found.has_another_container) == (False, False, True)
    assert (found.own_oom_kills, found.host_oom_kills) == (None, 1)


@pytest.mark.parametrize("boot_id", ["sunday", ""])
def test_nothing_of_this_machine_is_taken_for_another_ones(boot_id: str) -> None:
    row = burial(own=Flight(), boot_id=boot_id, telemetry={"vitals": AT_BEAT.as_facts()})

    found = read_evidence(row, machine(host="elsewhere"))

    assert (found.is_far, found.has_another_boot, found.now, found.panic) == (True, False, Vitals(), None)
    assert (found.own_oom_kills, found.host_oom_kills, found.filesystem_errors) == (None, None, None)


def test_torn_words_are_read_as_far_as_they_go() -> None:
    words = Flight(phase=ENDING, error={"types": "OSError", "errno": "28"}, vitals={"host_oom": "3"})

    found = read_evidence(burial(own=words), machine())

    assert (found.error_types, found.error_errno, found.error_stands, found.was_ending) == (
        (),
        None,
        False,
        True,
    )
    assert found.then == Vitals()


@pytest.mark.django_db
def test_this_machine_can_be_asked_for_everything() -> None:
    row = replace(burial(own=Flight()), worker=make_worker())

    found = read_evidence(row)

    assert (found.boot_then, found.host) == ("boot", "atelier")
    assert asdict(found)["now"]["own_oom"] is None


@pytest.fixture
def pstore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where a kernel keeps the records of its crashes."""
    backend, folder = tmp_path / "backend", tmp_path / "pstore"
    folder.mkdir()
    backend.write_text("ramoops\n")
    monkeypatch.setattr(evidence, "PSTORE", folder)
    monkeypatch.setattr(evidence, "PSTORE_BACKEND", backend)
    return folder


@pytest.mark.parametrize(
    ("name", "written_at", "expected"),
    [
        ("dmesg-ramoops-0", MORNING + timedelta(minutes=1), True),
        ("dmesg-ramoops-0", MORNING - timedelta(days=1), False),
        ("console-ramoops-0", MORNING + timedelta(minutes=1), False),
    ],
)
def test_panic_is_one_that_the_kernel_recorded_since_the_last_beat(
    pstore: Path, name: str, written_at: datetime, *, expected: bool
) -> None:
    (pstore / name).write_text("Kernel panic - not syncing")
    os.utime(pstore / name, (written_at.timestamp(),) * 2)

    assert read_panic(MORNING) is expected


def test_panic_is_not_known_where_the_kernel_keeps_or_shows_no_records(pstore: Path) -> None:
    empty = read_panic(MORNING)
    evidence.PSTORE_BACKEND.write_text("(null)\n")
    kept_nowhere = read_panic(MORNING)
    evidence.PSTORE_BACKEND.unlink()

    assert (empty, kept_nowhere, read_panic(MORNING)) == (False, None, None)
