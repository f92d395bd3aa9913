"""The scan on real folders: whatever ends it, wherever, the same batches are stored in the end."""

import os
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from processing import scan
from processing.models import Batch, LeaseLost
from processing.models.commit import Commit
from processing.scan import run_scan
from processing.sources import SourceGone
from processing.states import BatchKind, BatchStatus, Hold, Stage
from tests.factories import make_worker, no_seal
from tests.folders import new_source, put
from tests.scans import (
    Killed,
    always,
    is_scanning,
    kill,
    look_always,
    release,
    scan_whole,
    start_session,
    stop_at_look,
    stored_photos,
    stored_skips,
    stored_state,
    take_away,
    take_over,
    take_scan,
)

pytestmark = pytest.mark.django_db

PHOTOS = (
    "a-b.jpg",
    "a.jpg",
    "a/1.jpg",
    "a/2.png",
    "a/b/3.jpg",
    "c.HEIC",
    "d/4.jpg",
    "e.jpg",
    "f.jpg",
    "g/h/i/5.jpg",
)
LINKS = ("a/link", "c0", "z.jpg")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = new_source(tmp_path)
    put(folder, *PHOTOS, "a/notes.txt", "only/notes.txt")
    for name in LINKS:
        (folder / name).symlink_to("nowhere")
    return folder


def test_scan_stores_batches_in_order(source: Path) -> None:
    (source / "a.jpg").write_bytes(b"12345")
    os.utime(source / "a.jpg", ns=(7, 1_700_000_000_123_456_789))

    session = scan_whole(source)

    photos = stored_photos(session)
    assert [row[:3] for row in photos] == [(1, 0, 3), (2, 3, 3), (3, 6, 3), (4, 9, 1)]
    assert [row[4:] for row in photos] == [(BatchStatus.QUEUED, 0, 0)] * 4
    entries = [entry for row in photos for entry in row[3]["photos"]]
    assert tuple(b64decode(path).decode() for path, _, _ in entries) == PHOTOS
    assert entries[1] == ["YS5qcGc=", 5, 1_700_000_000_123_456_789]
    assert stored_skips(session) == [(name.encode(), name, "link") for name in LINKS]


def test_scan_ends_with_the_session_running(source: Path) -> None:
    session = start_session(source)
    batch = take_scan(session)

    run_scan(batch, keep_going=always, seal=no_seal)

    session.refresh_from_db()
    batch.refresh_from_db()
    assert (session.stage, session.found_count, session.total, session.skipped_count) == (
        Stage.RUNNING,
        10,
        10,
        3,
    )
    assert (batch.status, batch.worker) == (BatchStatus.DONE, None)
    following = Batch.objects.claim(session.pk, make_worker(parent=make_worker()))
    assert following is not None
    assert [photo.path for photo in following.missing()] == [b"a-b.jpg", b"a.jpg", b"a/1.jpg"]


def test_scan_says_how_many_photos_can_only_fail(source: Path) -> None:
    session = scan_whole(source)

    session.refresh_from_db()
    assert session.doomed_counts == {"not_jpeg": 2}


def test_scan_says_nothing_of_endings_that_the_rules_allow(source: Path) -> None:
    session = start_session(source, preset={})

    run_scan(take_scan(session), keep_going=always, seal=no_seal)

    session.refresh_from_db()
    assert session.doomed_counts == {}


@pytest.mark.parametrize("page_entries", [1, 2, 3, 4, 100])
def test_scan_stores_the_same_batches_when_killed_after_any_page(
    source: Path, monkeypatch: pytest.MonkeyPatch, page_entries: int
) -> None:
    undisturbed = stored_state(scan_whole(source))
    look_always(monkeypatch, page_entries)
    kills = 0
    for number in range(1, 30):
        session = start_session(source)
        batch = take_scan(session)
        try:
            run_scan(batch, keep_going=stop_at_look(number, kill), seal=no_seal)
        except Killed:
            kills += 1
            Batch.objects.get(pk=batch.pk).take_away()
            run_scan(take_scan(session), keep_going=always, seal=no_seal)

        assert stored_state(session) == undisturbed

    assert kills == len(PHOTOS) + len(LINKS) + len(("a/b", "a", "d", "g/h/i", "g/h", "g", "only"))


def test_scan_stores_the_same_batches_when_killed_again_and_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = stored_state(scan_whole(source))
    look_always(monkeypatch, 2)
    session = start_session(source)
    kills = 0
    while is_scanning(session):
        batch = take_scan(session)
        try:
            run_scan(batch, keep_going=stop_at_look(3, kill), seal=no_seal)
        except Killed:
            kills += 1
            Batch.objects.get(pk=batch.pk).take_away()

    assert stored_state(session) == undisturbed
    assert kills == 9


def test_scan_stores_nothing_of_its_last_page_when_killed_in_its_transaction(source: Path) -> None:
    undisturbed = stored_state(scan_whole(source))
    session = start_session(source)
    batch = take_scan(session)

    def die(commit: Commit) -> None:
        raise Killed

    with pytest.raises(Killed):
        run_scan(batch, keep_going=always, seal=die)

    assert stored_state(session) == ([], [], (0, None, 0, {}), Stage.SCANNING)
    Batch.objects.get(pk=batch.pk).take_away()
    run_scan(take_scan(session), keep_going=always, seal=no_seal)
    assert stored_state(session) == undisturbed


@pytest.mark.parametrize("page_entries", [1, 3, 100])
def test_scan_gives_its_lease_back_with_all_it_saw_when_told_to_stop(
    source: Path, monkeypatch: pytest.MonkeyPatch, page_entries: int
) -> None:
    undisturbed = stored_state(scan_whole(source))
    look_always(monkeypatch, page_entries)
    session = start_session(source)
    stops = 0
    seen = []
    while is_scanning(session):
        batch = take_scan(session)
        run_scan(batch, keep_going=stop_at_look(5, lambda: False), seal=no_seal)
        batch.refresh_from_db()
        session.refresh_from_db()
        stops += batch.status == BatchStatus.QUEUED
        seen.append(session.found_count + session.skipped_count)

    assert stored_state(session) == undisturbed
    assert stops == 4
    assert seen == [5, 8, 12, 13, 13]


@pytest.mark.parametrize("lose", [take_away, release, take_over])
def test_scan_writes_nothing_when_its_lease_is_lost(
    source: Path, monkeypatch: pytest.MonkeyPatch, lose: Callable[[Batch], bool]
) -> None:
    look_always(monkeypatch, 4)
    session = start_session(source)
    batch = take_scan(session)

    with pytest.raises(LeaseLost):
        run_scan(batch, keep_going=stop_at_look(5, lambda: lose(batch)), seal=no_seal)

    state = stored_state(session)
    assert (len(state[0]), len(state[1])) == (1, 0)
    assert state[2:] == ((4, None, 0, {"not_jpeg": 1}), Stage.SCANNING)


def test_scan_writes_nothing_when_another_worker_has_ended_it(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = stored_state(scan_whole(source))
    look_always(monkeypatch, 4)
    session = start_session(source)
    batch = take_scan(session)

    def be_overtaken() -> bool:
        take_away(batch)
        run_scan(take_scan(session), keep_going=always, seal=no_seal)
        return False

    with pytest.raises(LeaseLost):
        run_scan(batch, keep_going=stop_at_look(2, be_overtaken), seal=no_seal)

    assert stored_state(session) == undisturbed


def test_scan_forgets_deaths_when_it_makes_progress(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_always(monkeypatch, 1)
    session = start_session(source)
    batch = take_scan(session)
    batch.note_death()

    run_scan(batch, keep_going=lambda: False, seal=no_seal)

    batch.refresh_from_db()
    assert (batch.deaths, batch.sequence) == (0, 2)


def test_scan_is_stored_by_time_too(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "LOOK_S", 0.0)
    monkeypatch.setattr(scan, "PAGE_S", 0.0)
    session = start_session(source)

    with pytest.raises(Killed):
        run_scan(take_scan(session), keep_going=stop_at_look(7, kill), seal=no_seal)

    session.refresh_from_db()
    assert (session.found_count, session.skipped_count) == (5, 1)


def test_scan_is_sealed_once_at_its_end(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_always(monkeypatch, 4)
    session = start_session(source)
    batch = take_scan(session)
    sealed: list[Commit] = []

    run_scan(batch, keep_going=always, seal=sealed.append)

    batch.refresh_from_db()
    assert [(one.batch.pk, one.ends_batch, one.last_result) for one in sealed] == [(batch.pk, True, None)]
    assert sealed[0].sequence == batch.sequence
    assert sealed[0].session is not None
    assert sealed[0].session.total == 10


def test_scan_lands_under_a_pause(source: Path) -> None:
    session = start_session(source)
    batch = take_scan(session)
    session.pause()

    run_scan(batch, keep_going=always, seal=no_seal)

    session.refresh_from_db()
    assert (session.stage, session.hold, session.total) == (Stage.RUNNING, Hold.PAUSED, 10)


@pytest.mark.parametrize("change", ["empty", "missing"])
def test_scan_says_that_its_source_is_gone(
    source: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    undisturbed = stored_state(scan_whole(source))
    look_always(monkeypatch, 4)
    session = start_session(source)
    batch = take_scan(session)
    run_scan(batch, keep_going=stop_at_look(6, lambda: False), seal=no_seal)
    before = stored_state(session)
    source.rename(source.with_name("unmounted"))
    if change == "empty":
        source.mkdir()
    batch = take_scan(session)

    with pytest.raises(SourceGone):
        run_scan(batch, keep_going=always, seal=no_seal)

    assert stored_state(session) == before
    if change == "empty":
        source.rmdir()
    source.with_name("unmounted").rename(source)
    batch.release()
    run_scan(take_scan(session), keep_going=always, seal=no_seal)
    assert stored_state(session) == undisturbed


def test_scan_of_a_folder_without_photos_goes_on_to_compare(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    session = start_session(tmp_path.resolve())

    run_scan(take_scan(session), keep_going=always, seal=no_seal)

    session.refresh_from_db()
    assert (session.stage, session.total) == (Stage.COMPARING, 0)


def test_scan_leaves_our_own_folders_out(source: Path, settings: LazySettings) -> None:
    put(source, "approved/own.jpg", "var/own.jpg")
    settings.STOCKPROOF_VAR = source / "var"
    session = start_session(source, output=str(source / "approved"))

    run_scan(take_scan(session), keep_going=always, seal=no_seal)

    session.refresh_from_db()
    assert session.total == 10


def test_scan_leaves_subfolders_alone_when_the_session_says_so(source: Path) -> None:
    session = start_session(source, recursive=False)

    run_scan(take_scan(session), keep_going=always, seal=no_seal)

    session.refresh_from_db()
    assert session.total == 5


def test_scan_keeps_names_as_bytes(tmp_path: Path) -> None:
    names = [b"caf\xe9.jpg", "\U0001f4f7.jpg".encode()]
    for name in names:
        try:
            (tmp_path / os.fsdecode(name)).write_bytes(b"")
        except OSError:
            pytest.skip("this file system takes names in UTF-8 only")
    (tmp_path / os.fsdecode(b"link\xff")).symlink_to("nowhere")
    session = start_session(tmp_path.resolve())

    run_scan(take_scan(session), keep_going=always, seal=no_seal)

    batch = Batch.objects.get(session=session, kind=BatchKind.PHOTOS)
    assert [photo.path for photo in batch.photos()] == names
    assert stored_skips(session) == [(b"link\xff", "link\\xff", "link")]


def test_scan_says_in_one_log_line_what_it_found(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "processing.scan")

    session = scan_whole(source)

    (line,) = caplog.records
    assert (line.getMessage(), line.session, line.images_count, line.skipped_count, line.doomed_counts) == (
        "scan ended",
        str(session.pk),
        len(PHOTOS),
        len(LINKS),
        {"not_jpeg": 2},
    )
