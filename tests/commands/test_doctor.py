"""What the doctor looks at."""

import json
import os
from pathlib import Path

import pytest
from django.core import checks
from django.db import connection
from pytest_django.fixtures import Settings

from processing import disks
from processing.management import checkup
from processing.management.checkup import Check
from tests.commands.running import run_process, strange_folder
from tests.databases import TRIGGERS
from tests.factories import make_worker

NAMES = [
    "python",
    "secret_key",
    "state_folder",
    "disk",
    "source_roots",
    "device",
    "decoders",
    "database",
    "settings",
    "durability",
    "migrations",
    "clock",
    "workers",
    "leftovers",
    "audit_log",
]


@pytest.mark.kill
@pytest.mark.django_db(transaction=True)
def test_doctor_prints_every_check_and_exits_0_when_all_is_well(database_url: str) -> None:
    ended = run_process("doctor", "--json", DATABASE_URL=database_url)

    printed = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["name"] for one in printed] == NAMES
    assert [(list(one), one["type"], one["ok"], one["hint"]) for one in printed] == [
        (["type", "name", "ok", "text", "hint"], "check", True, "")
    ] * len(NAMES)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_doctor_exits_1_and_looks_at_all_else_when_the_database_is_away(tmp_path: Path) -> None:
    folder = strange_folder(tmp_path / "strange")

    ended = run_process(
        "doctor", "--json", folder=folder, DATABASE_URL="postgres://nobody:x@127.0.0.1:1/none"
    )

    *printed, error = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(one["name"], one["ok"]) for one in printed] == [(name, name != "database") for name in NAMES[:8]]
    assert (ended.returncode, error["code"], error["message"]) == (1, "checks_failed", "Not well: database.")


def test_doctor_says_what_is_missing_when_the_database_is_not_migrated(tmp_path: Path) -> None:
    ended = run_process("doctor", DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    last = ended.stdout.splitlines()[-2:]
    assert (ended.returncode, last[1].strip()) == (1, "Run `manage.py migrate`.")
    assert last[0].startswith("FAIL  migrations")


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), False)]
)
def test_python_is_well_when_we_test_with_it(version: tuple[int, int], ok: bool) -> None:  # noqa: FBT001 -- a parameter
    assert checkup.check_python(version).ok is ok


def test_secret_key_is_not_well_when_others_may_read_the_made_one(tmp_path: Path, settings: Settings) -> None:
    settings.STOCKPROOF_VAR, settings.SECRET_KEY = tmp_path, "made"
    path = tmp_path / "secret_key"
    path.write_text("made\n", encoding="utf-8")
    path.chmod(0o640)

    check = checkup.check_secret_key()

    assert check == Check("secret_key", f"{path} has mode 0640: others may read it.", f"chmod 600 {path}")


def test_state_folder_is_not_well_when_it_cannot_be_written_to(tmp_path: Path, settings: Settings) -> None:
    settings.STOCKPROOF_VAR = tmp_path / "gone"

    check = checkup.check_state_folder()

    assert (check.ok, check.text) == (
        False,
        f"{tmp_path / 'gone'} cannot be written to: No such file or directory.",
    )


@pytest.mark.django_db
def test_disk_is_not_well_when_it_is_nearly_full(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STOCKPROOF_VAR = tmp_path
    free_bytes = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    monkeypatch.setattr(disks, "FREE_BYTES_MIN", free_bytes * 2)

    check = checkup.check_disks()

    assert (check.ok, check.hint.startswith("Free ")) == (False, True)


def test_source_root_is_not_well_when_it_cannot_be_read(tmp_path: Path, settings: Settings) -> None:
    readable = tmp_path / "photos"
    readable.mkdir()
    settings.STOCKPROOF_SOURCE_ROOTS = (readable, tmp_path / "gone")

    found = list(checkup.check_source_roots())

    assert [(check.ok, check.text) for check in found] == [
        (True, f"{readable} can be read."),
        (False, f"{tmp_path / 'gone'} cannot be read."),
    ]


def test_device_is_not_well_when_it_is_not_there(settings: Settings) -> None:
    settings.STOCKPROOF_DEVICE = "cuda:99"

    device, decoders = checkup.check_analysis()

    assert (device.name, device.ok, device.hint) == ("device", False, "Correct STOCKPROOF_DEVICE.")
    assert decoders == Check("decoders", "Decoded: JPEG, PNG, TIFF, WEBP, HEIF, AVIF.")


def test_settings_and_durability_are_not_well_when_a_system_check_says_so() -> None:
    weak = checks.Error("It answers fsync=off.", hint="Set fsync to on.", id="stockproof.E004")
    wrong = checks.Error("It is too short.", hint="Set it higher.", id="stockproof.E001")
    mild = checks.Warning("It could be better.", id="stockproof.W001")

    found = [check([weak, wrong, mild]) for check in (checkup.check_settings, checkup.check_durability)]

    assert found == [
        Check("settings", "It is too short.", "Set it higher."),
        Check("durability", "It answers fsync=off.", "Set fsync to on."),
    ]


@pytest.mark.django_db
def test_leftovers_are_named_when_a_process_was_silent_for_too_long() -> None:
    make_worker()
    silent = make_worker(heartbeat_at="2026-01-01T00:00:00Z")

    check = checkup.check_leftovers()

    assert (check.ok, check.text) == (False, f"Silent for too long: {silent}.")


@pytest.mark.django_db
def test_workers_are_counted_when_they_live() -> None:
    parent = make_worker()
    make_worker(parent=parent)
    make_worker(parent=parent, ended_at="2026-01-01T00:00:00Z")

    check = checkup.check_workers()

    assert check == Check("workers", "1 workers under 1 parents live.")


@pytest.mark.django_db
def test_clock_is_not_well_when_it_is_apart_from_the_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "CLOCK_APART_MAX_S", -1.0)

    check = checkup.check_clock()

    assert (connection.is_usable(), check.ok, check.hint) == (True, False, "Set both by NTP.")


DROP_FIRST = {vendor: drop[0] for vendor, drop in TRIGGERS.DROP.items()}
WEAKENED = {
    "gone": {vendor: [drop] for vendor, drop in DROP_FIRST.items()},
    "empty": {
        "sqlite": [
            DROP_FIRST["sqlite"],
            "CREATE TRIGGER audit_entry_is_not_changed BEFORE UPDATE ON recovery_auditentry BEGIN SELECT 1; END",
        ],
        "postgresql": [
            """CREATE OR REPLACE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RETURN NEW; END $$"""
        ],
    },
    "of another table": {
        "sqlite": [
            DROP_FIRST["sqlite"],
            TRIGGERS.CREATE["sqlite"][0].replace("ON recovery_auditentry", "ON recovery_audithead"),
        ],
        "postgresql": [
            DROP_FIRST["postgresql"],
            TRIGGERS.CREATE["postgresql"][1].replace("ON recovery_auditentry", "ON recovery_audithead"),
        ],
    },
    "of fewer changes": {
        "sqlite": [
            DROP_FIRST["sqlite"],
            TRIGGERS.CREATE["sqlite"][0].replace("BEFORE UPDATE ON", "BEFORE UPDATE OF actor ON"),
        ],
        "postgresql": [
            DROP_FIRST["postgresql"],
            TRIGGERS.CREATE["postgresql"][1].replace(" OR DELETE OR TRUNCATE", ""),
        ],
    },
    "disabled": {
        "sqlite": [DROP_FIRST["sqlite"], TRIGGERS.CREATE["sqlite"][0].replace("BEGIN", "WHEN 0 BEGIN")],
        "postgresql": ["ALTER TABLE recovery_auditentry DISABLE TRIGGER audit_entry_is_kept"],
    },
}


@pytest.mark.django_db
@pytest.mark.parametrize("how", WEAKENED)
def test_audit_log_is_not_well_when_a_trigger_was_weakened(how: str) -> None:
    before = checkup.check_audit_log()
    with connection.cursor() as cursor:
        for statement in WEAKENED[how][connection.vendor]:
            cursor.execute(statement)

    check = checkup.check_audit_log()

    name = {"sqlite": "audit_entry_is_not_changed", "postgresql": "audit_entry_is_kept"}[connection.vendor]
    assert before == Check("audit_log", "The database refuses every change of an entry.")
    assert check.text == f"Entries can be changed: the trigger {name} is gone or not as it was made."
    assert check.hint.startswith("Run `manage.py audit verify`")


@pytest.mark.django_db
@pytest.mark.vendor("sqlite")
@pytest.mark.parametrize("statement", TRIGGERS.DROP["sqlite"])
def test_audit_log_is_not_well_when_any_of_its_triggers_is_gone(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)

    check = checkup.check_audit_log()

    assert (check.ok, statement.split()[-1] in check.text) == (False, True)
