"""The command that checks the audit log, or prints it."""

import csv
import os
import pty
import re
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command

from processing.management.failures import IntegrityFailed, WrongUsage
from processing.progress import iso
from recovery import audit, audit_verification
from recovery.management.commands import audit as command
from recovery.models import AuditEntry, AuditHead
from tests.commands.running import Printed, run, run_process
from tests.tampering import change, make_entries, overwrite, remove

pytestmark = pytest.mark.django_db


def run_failing(*arguments: str) -> Printed:
    """Run `audit verify` on a log that is not as it was written."""
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "verify", *arguments, stdout=out, stderr=err)
    assert ended.value.code == 6
    return Printed(out.getvalue(), err.getvalue())


def test_verify_prints_the_head_when_the_log_is_whole() -> None:
    macs = make_entries(2)

    printed = run("audit", "verify")

    assert printed.out == f"The audit log is as it was written: 2 entries, head {macs[1].hex()}.\n"


def test_verify_ends_with_its_object_when_asked_for_json() -> None:
    macs = make_entries(2)

    printed = run("audit", "verify", "--json").objects

    ending = {
        "type": "audit_verification",
        "ok": True,
        "entries": 2,
        "first_bad": None,
        "head": macs[1].hex(),
    }
    assert printed == [ending]


def test_verify_has_no_head_to_print_when_the_log_is_empty() -> None:
    assert run("audit", "verify").out == "The audit log is as it was written: 0 entries, head none yet.\n"
    assert run("audit", "verify", "--json").objects[0]["head"] is None


def test_verify_names_the_first_bad_entry_and_ends_with_6() -> None:
    make_entries(4)
    change(2, actor="nobody")
    remove(4)

    printed = run_failing()

    assert printed.out == (
        "Entry 2 was changed, or stands in a wrong place.\n"
        "Entry 4 was removed.\n"
        "The audit log is not as it was written. The first bad entry is 2.\n"
    )


def test_verify_prints_findings_and_its_object_when_asked_for_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_entries(3)
    remove(3)

    finding, ending = run_failing("--json").objects

    assert finding == {
        "type": "finding",
        "code": "entries_removed",
        "text": "Entry 3 was removed.",
        "repairable": False,
    }
    assert (ending["type"], ending["ok"], ending["entries"], ending["first_bad"]) == (
        "audit_verification",
        False,
        2,
        3,
    )


def test_verify_finds_an_older_copy_when_a_head_is_given() -> None:
    make_entries(1)
    older = AuditHead.objects.values("number", "mac", "tag").get()
    head = make_entries(1)[0].hex()
    before = run("audit", "verify", "--head", head, "--json").objects[0]["ok"]
    remove(2)
    AuditHead.objects.update(**older)
    without_head = run("audit", "verify", "--json").objects[0]["ok"]

    printed = run_failing("--head", head)

    assert (before, without_head) == (True, True)
    assert printed.out == (
        "The exported head is not in the log: it was cut, put back to an older copy, or replaced.\n"
        "The audit log is not as it was written.\n"
    )


def test_verify_shows_as_many_problems_as_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PROBLEMS_SHOWN_MAX", 1)
    make_entries(5)
    remove(1, 3)

    printed = run_failing()

    assert printed.out.splitlines()[0] == "Entry 1 was removed."
    assert printed.err == "1 further problems are not shown.\n"


def test_verify_shows_on_a_terminal_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_verification, "PAGE_ENTRIES", 2)
    make_entries(5)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        run("audit", "verify")
        shown = os.read(ours, 10_000).decode()
    os.close(ours)

    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.findall(r"entries .* (\d+/\d+)", plain)[-1] == "4/5"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "--head", "xyz"], "'xyz' is not hexadecimal"),
        (["verify", "--head", "abcd"], "'abcd' has not 40 digits"),
        (["export", "--head", "00" * 20], "--head belongs to `audit verify`."),
        (["verify", "--format", "csv"], "--format belongs to `audit export`."),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], sentence: str) -> None:
    with pytest.raises(Exception, match=sentence) as refused:
        run("audit", *arguments)

    assert isinstance(refused.value, WrongUsage) or "Error: argument --head" in str(refused.value)


def test_export_prints_every_entry_in_order_with_the_published_keys() -> None:
    session = uuid4()
    macs = make_entries(1)
    entry = audit.record("pause", actor="ines", session=session, details={"why": "lunch"}, address="::1")

    first, second = run("audit", "export").objects

    assert (first["number"], first["session"], first["mac"]) == (1, None, macs[0].hex())
    assert second == {
        "type": "audit",
        "number": 2,
        "at": iso(entry.at),
        "actor": "ines",
        "action": "pause",
        "session": str(session),
        "outcome": "done",
        "details": {"why": "lunch"},
        "mac": entry.mac.hex(),
        "address": "::1",
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_export_has_a_header_and_no_formula_when_printed_as_csv(start: str) -> None:
    entry = audit.record(
        "pause", actor=f"{start}1+2", outcome=f"{start}cmd", details={"why": "a\nb"}, address="10.1.2.3"
    )

    printed = run("audit", "export", "--format", "csv")

    header, row = csv.reader(StringIO(printed.out))
    assert header == ["number", "at", "actor", "action", "session", "outcome", "details", "mac", "address"]
    cells: list[Any] = ["1", iso(entry.at), f"'{start}1+2", "pause", "", f"'{start}cmd", '{"why": "a\\nb"}']
    assert row == [*cells, entry.mac.hex(), "10.1.2.3"]


@pytest.mark.vendor("sqlite")
@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("at", "'never'", "Entry 2 cannot be read."),
        ("number", "'x'", "An entry has 'x' in place of a number."),
    ],
)
def test_export_ends_with_a_sentence_when_an_entry_cannot_be_read(
    column: str, value: str, sentence: str
) -> None:
    make_entries(2)
    overwrite(2, column, value)

    with pytest.raises(IntegrityFailed) as failed:
        run("audit", "export")

    assert (str(failed.value), failed.value.returncode) == (sentence, 6)


@pytest.mark.vendor("sqlite")
@pytest.mark.django_db(transaction=True)
def test_shell_gets_6_when_the_log_was_changed_and_0_when_not(database_url: str) -> None:
    make_entries_durably()

    whole = run_process("audit", "verify", "--json", DATABASE_URL=database_url)
    change(1, actor="nobody")
    broken = run_process("audit", "verify", "--json", DATABASE_URL=database_url)

    assert (whole.returncode, broken.returncode, broken.stderr) == (0, 6, ""), whole.stdout
    assert Printed(broken.stdout, "").objects[-1]["first_bad"] == 1
    assert AuditEntry.objects.count() == 1


def make_entries_durably() -> None:
    """Record one act in a transaction of its own."""
    with audit.audited("pin", actor="ines"):
        pass
