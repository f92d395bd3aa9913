"""`verify`: one line per problem, then the verdict, and exit code 6 where it is not safe to go on."""

import re
from pathlib import Path

import pytest

from processing.management.failures import WrongUsage
from processing.models import ImageResult, ProcessingSession
from recovery.models import Checkpoint
from tests.commands.running import run, run_process
from tests.recovery.sound import sound_session, write_files

pytestmark = pytest.mark.django_db(transaction=True)


def make_session(folder: Path) -> ProcessingSession:
    """Make a session in which everything holds, its files too."""
    return sound_session(source_path=write_files(folder, 12))


def make_wrong(session: ProcessingSession) -> None:
    """Spoil what a repair can work out again."""
    ProcessingSession.objects.filter(pk=session.pk).update(reason_counts={"noise": 1})


def test_verify_prints_the_verification_of_a_sound_session(tmp_path: Path) -> None:
    session = make_session(tmp_path / "photos")

    printed = run("verify", "latest", "--json")

    assert printed.objects == [
        {
            "type": "verification",
            "session": str(session.pk),
            "safe": "safe",
            "results": 10,
            "checkpoints": Checkpoint.objects.count(),
            "findings": 0,
            "repaired": 0,
        }
    ]


def test_verify_ends_with_6_before_a_repair_and_with_0_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = make_session(tmp_path / "photos")
    make_wrong(session)
    text = "The session counts the reasons {'noise': 1}, its batches {'noise': 4}."

    with pytest.raises(SystemExit) as ended:
        run("verify", str(session.pk), "--json")
    repaired = run("verify", str(session.pk), "--repair", "--json")
    after = run("verify", str(session.pk))

    finding, verification = repaired.objects
    assert ended.value.code == 6
    assert finding == {"type": "finding", "code": "session_reasons", "text": text, "repairable": True}
    assert (verification["safe"], verification["findings"], verification["repaired"]) == (
        "safe_after_repair",
        1,
        1,
    )
    assert after.out == (
        f"Session {session.pk}: 10 results and {Checkpoint.objects.count()} checkpoints looked at, 0 problems found. It is safe to go on.\n"
    )


def test_verify_says_to_people_what_to_do(tmp_path: Path, database_url: str) -> None:
    session = make_session(tmp_path / "photos")
    make_wrong(session)
    begin = f"Session {session.pk}: 10 results and {Checkpoint.objects.count()} checkpoints looked at, 1 problems found."

    before = run_process("verify", "latest", "--skip-checks", DATABASE_URL=database_url)
    repair = run_process("verify", "latest", "--repair", "--skip-checks", DATABASE_URL=database_url)

    command = f"`verify {session.pk} --repair`"
    assert (before.returncode, repair.returncode) == (6, 0)
    assert before.stdout.splitlines()[-1] == f"{begin} It is safe to go on after a repair: {command}."
    assert repair.stdout.splitlines()[-1] == f"{begin} It is safe to go on: 1 problems were repaired."


def test_verify_all_ends_with_6_when_one_session_is_not_safe(tmp_path: Path, database_url: str) -> None:
    changed, sound = make_session(tmp_path / "a"), make_session(tmp_path / "b")
    ImageResult.objects.filter(session=changed, position=0).update(note="nice")

    ended = run_process("verify", "--all", "--repair", "--json", "--skip-checks", DATABASE_URL=database_url)

    lines = [line for line in ended.stdout.splitlines() if '"verification"' in line]
    assert ended.returncode == 6
    assert [str(session.pk) in line for session, line in zip((changed, sound), lines, strict=True)] == [
        True,
        True,
    ]
    assert ['"unsafe"' in line for line in lines] == [True, False]


def test_verify_shows_on_a_terminal_how_far_it_is(tmp_path: Path, database_url: str) -> None:
    make_session(tmp_path / "photos")

    ended = run_process("verify", "latest", "--skip-checks", DATABASE_URL=database_url, FORCE_COLOR="1")

    plain = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", ended.stderr)
    shown = dict(re.findall(r"(results|files)\W.*?(\d+/\d+)", plain))
    assert (ended.returncode, shown) == (0, {"results": "12/12", "files": "12/12"})


@pytest.mark.parametrize("arguments", [(), ("latest", "--all")])
def test_verify_wants_a_session_or_all(arguments: tuple[str, ...]) -> None:
    with pytest.raises(WrongUsage):
        run("verify", *arguments)
