"""`process`: what it refuses before anything is created, what it prints, how it ends."""

import json
import os
from io import StringIO
from pathlib import Path

import pytest
from pytest_django import Settings

from processing.management import attendance
from processing.management.commands.process import Command as Process
from processing.management.failures import Held, NotFound
from processing.models import ProcessingSession, Worker
from processing.proof import prove
from processing.states import Stage, Status
from tests.commands.running import run, run_process, strange_folder
from tests.factories import make_crash, make_session, make_worker
from tests.folders import put
from tests.photos import write_photo
from tests.slices import write_photos

STATUS_KEYS = [
    "type",
    "session",
    "status",
    "processed",
    "total",
    "approved",
    "rejected",
    "failed",
    "skipped",
    "rate_per_s",
    "eta_s",
]
SUMMARY_KEYS = [*STATUS_KEYS, "elapsed_s", "crashes", "recoveries", "analysed_twice"]


@pytest.fixture
def source(tmp_path: Path, settings: Settings) -> Path:
    """A folder with one photo by its name."""
    settings.STOCKPROOF_VAR = tmp_path / "var"
    settings.STOCKPROOF_SOURCE_ROOTS = []
    put(tmp_path, "source/a.jpg")
    return (tmp_path / "source").resolve()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{source}/missing"], "The source {source}/missing does not exist. Check the path, and that the disk is mounted."),
        (["{source}/empty"], "There is no photo in {source}/empty. Photos end in jpg, png, tif, webp, heic or avif, and are not hidden."),
        (["{source}/a.jpg"], "The source {source}/a.jpg is not a folder. Give the folder that the photos are in."),
        (["{source}", "--preset", "Mine"], "There is no preset 'Mine'. There are: Adobe Stock."),
        (["{source}", "--owner", "eve"], "There is no user 'eve'."),
    ],
    ids=["missing", "empty", "a file", "preset", "owner"],
)  # fmt: skip
def test_process_refuses_with_a_sentence_before_anything_is_created(
    source: Path, arguments: list[str], sentence: str
) -> None:
    (source / "empty").mkdir()

    with pytest.raises(NotFound) as refused:
        run("process", *[argument.format(source=source) for argument in arguments])

    assert (str(refused.value), refused.value.exit_code) == (sentence.format(source=source), 4)
    assert (ProcessingSession.objects.count(), Worker.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_process_refuses_a_source_outside_the_folders_that_sessions_may_read(
    source: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.STOCKPROOF_SOURCE_ROOTS = [tmp_path / "allowed"]

    with pytest.raises(NotFound):
        run("process", str(source))

    assert ProcessingSession.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "way_on"),
    [
        ("running", "`manage.py resume {} --wait` goes on"),
        ("paused", "`manage.py resume {} --wait` goes on"),
        ("interrupted", "`manage.py recover {} --yes --wait` goes on"),
        ("attended", "`manage.py session {} --watch` shows how it goes on"),
    ],
)
def test_process_names_the_way_on_of_the_unfinished_session_of_the_same_source(
    source: Path, status: str, way_on: str
) -> None:
    session = make_session(source_path=os.fsencode(source))
    if status == "paused":
        session.pause()
    if status == "interrupted":
        session.latch()
    if status == "attended":
        make_worker(serves=session, host="another")

    with pytest.raises(Held) as refused:
        run("process", str(source))

    assert refused.value.exit_code == 5
    assert refused.value.published() == {
        "code": "held",
        "message": f"Session {session.pk} of this source is {status.replace('attended', 'running')}.",
        "hint": f"{way_on.format(session.pk)}; --new begins another one.",
        "session": str(session.pk),
    }


@pytest.mark.django_db
def test_process_begins_anew_when_told_to_and_leaves_the_work_to_others(source: Path) -> None:
    make_session(source_path=os.fsencode(source))

    printed = run(
        "process", str(source), "--new", "--detach", "--json", "--name", "Trip", "--no-recursive",
        "--batch-size", "7", "--checkpoint-interval", "3",
    )  # fmt: skip

    session = ProcessingSession.objects.newest_first()[0]
    (line,) = printed.objects
    assert list(line) == [*STATUS_KEYS, "name", "source", "preset", "created_at"]
    assert (line["type"], line["session"], line["status"]) == ("session", str(session.pk), "scanning")
    assert (session.name, session.recursive, session.batch_size, session.checkpoint_interval) == (
        "Trip",
        False,
        7,
        3,
    )
    assert Worker.objects.count() == 0


@pytest.mark.django_db
def test_summary_says_that_the_total_is_not_known_when_the_scan_was_stopped() -> None:
    session = make_session(stage=Stage.SCANNING, total=None)
    out = StringIO()

    attendance._tell_summary(Process(stdout=out), session, attendance.summary_of(session, 2.0))

    assert out.getvalue() == (
        f"Session {session.pk}: 0/? photos, 0 approved, 0 rejected, 0 could not be judged, in 2 s.\n"
    )


@pytest.mark.django_db(transaction=True)
def test_process_ends_with_3_after_status_lines_a_summary_and_notes_when_a_photo_cannot_be_read(
    tmp_path: Path, database_url: str
) -> None:
    source = write_photos(tmp_path / "source", 2)
    write_photo(source / "03.png", width=320, height=240, fault="png")
    write_photo(source / "04.jpg", fault="empty")
    (source / "link.jpg").symlink_to(source / "00.jpg")

    ended = run_process(
        "process", str(source), "--workers", "1", "--json", "--skip-checks", DATABASE_URL=database_url
    )

    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    session = ProcessingSession.objects.get()
    assert ended.returncode == 3, ended.stderr
    assert [list(line) for line in lines] == [STATUS_KEYS] * (len(lines) - 1) + [SUMMARY_KEYS]
    assert {line["type"] for line in lines[:-1]} == {"status"}
    assert lines[-1] | {"elapsed_s": 0, "rate_per_s": None, "eta_s": None} == {
        "type": "summary",
        "session": str(session.pk),
        "status": "completed",
        "processed": 4,
        "total": 4,
        "approved": 0,
        "rejected": 3,
        "failed": 1,
        "skipped": 1,
        "rate_per_s": None,
        "eta_s": None,
        "elapsed_s": 0,
        "crashes": 0,
        "recoveries": 0,
        "analysed_twice": 0,
    }
    assert ended.stderr.splitlines() == [
        f"Session {session.pk} begins.",
        "1 of 4 photos can only fail a file rule (not_jpeg).",
        f"1 entries were left out; `session {session.pk} --skipped` lists them.",
    ]
    assert prove(session).holds
    assert Worker.objects.living().count() == 0


@pytest.mark.django_db
def test_summary_counts_crashes_and_photos_analyzed_twice() -> None:
    session = make_session(stage=Stage.COMPLETED)
    make_crash(worker=make_worker(), session=session, discarded_count=3)

    summary = attendance.summary_of(session, 1.2345)

    assert ["type", *summary] == SUMMARY_KEYS
    assert (summary["elapsed_s"], summary["crashes"], summary["analysed_twice"]) == (1.23, 1, 3)


@pytest.mark.django_db(transaction=True)
def test_resume_with_wait_goes_on_to_the_end_from_any_folder(tmp_path: Path, database_url: str) -> None:
    source = write_photos(tmp_path / "source", 2)
    run("process", str(source), "--detach")
    session = ProcessingSession.objects.get()
    session.pause()

    ended = run_process(
        "resume", "latest", "--wait", "--workers", "1", "--json", "--skip-checks",
        folder=strange_folder(tmp_path / "strange"), DATABASE_URL=database_url,
    )  # fmt: skip

    session.refresh_from_db()
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, last["type"], last["processed"]) == (0, "summary", 2), ended.stderr
    assert (session.status, session.attempt, prove(session).holds) == (Status.COMPLETED, 1, True)
