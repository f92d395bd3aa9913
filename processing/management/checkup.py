"""The checks of `doctor`: each looks at one thing, and says how it is and what to do."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now
from django.utils import timezone

from processing import disks
from processing.children import arguments_of, environment_of
from processing.management import readiness
from processing.management.failures import CommandFailed, first_line
from processing.models import Worker
from recovery.audit_triggers import missing_triggers

PYTHON_MIN, PYTHON_MAX = (3, 11), (3, 12)
CLOCK_APART_MAX_S = 5.0
ANALYSIS_TIMEOUT_S = 120.0
DURABILITY = "stockproof.E004"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found; what is not well has a hint of what to do."""

    name: str
    text: str
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is well."""
        return not self.hint

    def published(self) -> dict[str, object]:
        """Give the published check."""
        return {"name": self.name, "ok": self.ok, "text": self.text, "hint": self.hint}


def all_checks() -> Iterator[Check]:
    """Look at everything; what needs the database only when it is there and has its tables."""
    yield check_python(sys.version_info[:2])
    yield check_secret_key()
    yield check_state_folder()
    yield check_disks()
    yield from check_source_roots()
    yield from check_analysis()
    database = check_database()
    yield database
    if not database.ok:
        return
    messages = run_checks()
    yield check_settings(messages)
    yield check_durability(messages)
    migrations = check_migrations()
    yield migrations
    if migrations.ok:
        yield check_clock()
        yield check_workers()
        yield check_leftovers()
        yield check_audit_log()


def check_python(version: tuple[int, ...]) -> Check:
    """See whether this Python is one that we test with."""
    name = ".".join(str(part) for part in version)
    ok = PYTHON_MIN <= version <= PYTHON_MAX
    return Check("python", f"Python {name}.", "" if ok else "Use Python 3.11 or 3.12.")


def check_secret_key() -> Check:
    """See that a made key is nobody else's to read."""
    path = Path(settings.STOCKPROOF_VAR) / "secret_key"
    if not path.exists() or path.read_text(encoding="utf-8").strip() != settings.SECRET_KEY:
        return Check("secret_key", "The key comes from SECRET_KEY.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check("secret_key", f"{path} has mode {mode:04o}: others may read it.", f"chmod 600 {path}")
    return Check("secret_key", f"The key was made once, in {path}.")


def check_state_folder() -> Check:
    """Write a file in the state folder, and see what is free on its disk."""
    folder = Path(settings.STOCKPROOF_VAR)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
            os.fsync(file.fileno())
    except OSError as error:
        hint = "Give this user the right to write there, or set STOCKPROOF_VAR."
        return Check("state_folder", f"{folder} cannot be written to: {error.strerror}.", hint)
    return Check("state_folder", f"{folder} can be written to.")


def check_disks() -> Check:
    """See what is free where something grows: the state folder, and the database's own."""
    rooms = disks.rooms()
    text = " ".join(f"{room.folder} has {room.free_bytes / 1e9:.1f} GB free." for room in rooms)
    hint = (
        f"Free {disks.FREE_BYTES_MIN / 1e9:.0f} GB or more; `delete_session` and `purge --orphans` make room."
    )
    return Check("disk", text, hint if any(room.is_low for room in rooms) else "")


def check_source_roots() -> Iterator[Check]:
    """See whether the folders that sessions may read can be read."""
    if not settings.STOCKPROOF_SOURCE_ROOTS:
        yield Check("source_roots", "Sessions may read any folder.")
    for root in settings.STOCKPROOF_SOURCE_ROOTS:
        ok = os.access(root, os.R_OK | os.X_OK)
        text = f"{root} {'can' if ok else 'cannot'} be read."
        yield Check("source_roots", text, "" if ok else "Correct its rights or STOCKPROOF_SOURCE_ROOTS.")


def check_analysis() -> Iterator[Check]:
    """Ask a process of its own about device and decoders: commands never load torch or Pillow."""
    arguments = arguments_of("processing.analysis.selfcheck", settings.STOCKPROOF_DEVICE)
    hint = "Install the packages of constraints.txt again."
    try:
        ended = subprocess.run(  # noqa: S603 -- our own interpreter and module
            [sys.executable, *arguments],
            env=environment_of(),
            capture_output=True,
            text=True,
            timeout=ANALYSIS_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Check("analysis", f"No answer within {ANALYSIS_TIMEOUT_S:.0f} s.", hint)
        return
    for line in ended.stdout.splitlines():
        yield Check(**json.loads(line))
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2]
        yield Check("analysis", f"It ended with {ended.returncode}: {last}", hint)


def check_database() -> Check:
    """Connect."""
    try:
        readiness.open_database()
    except CommandFailed as failure:
        return Check("database", first_line(failure), failure.hint)
    version = ".".join(str(part) for part in connection.get_database_version())
    return Check("database", f"{connection.display_name} {version} answers.")


def check_settings(messages: list[CheckMessage]) -> Check:
    """Give what the system checks say, durability apart."""
    return _told("settings", [one for one in messages if one.id != DURABILITY], "The settings fit together.")


def check_durability(messages: list[CheckMessage]) -> Check:
    """Give what the database answers of how it keeps a commit."""
    found = [one for one in messages if one.id == DURABILITY]
    return _told("durability", found, "A commit survives a power cut, as the database answers.")


def _told(name: str, messages: list[CheckMessage], well: str) -> Check:
    serious = [message for message in messages if message.is_serious()]
    if not serious:
        return Check(name, well)
    return Check(
        name,
        " ".join(str(one.msg) for one in serious),
        str(serious[0].hint or "`manage.py check` says more."),
    )


def check_migrations() -> Check:
    """See whether the tables are those of this version."""
    missing = readiness.missing_migrations()
    if missing:
        return Check(
            "migrations",
            f"{len(missing)} are missing, {missing[0]} first.",
            "Run `manage.py migrate`.",
        )
    return Check("migrations", "The tables are those of this version.")


def check_clock() -> Check:
    """Compare the database's clock, by which silence is judged, with this machine's."""
    rows = MigrationRecorder.Migration.objects.order_by("pk").annotate(now=Now())
    apart_s = abs((rows.values_list("now", flat=True)[:1].get() - timezone.now()).total_seconds())
    ok = apart_s <= CLOCK_APART_MAX_S
    text = f"The database's clock and this machine's are {apart_s:.1f} s apart."
    return Check("clock", text, "" if ok else "Set both by NTP.")


def check_workers() -> Check:
    """Count who lives. None is well too: `process` brings workers of its own."""
    living = Worker.objects.living()
    parents_count, workers_count = living.parents().count(), living.laborers().count()
    return Check("workers", f"{workers_count} workers under {parents_count} parents live.")


def check_leftovers() -> Check:
    """Find processes that count as living and have been silent for longer than the time-out."""
    silent = Worker.objects.living().silent(settings.CRASH_DETECTION_TIMEOUT_S).order_by("pk")
    names = [str(worker) for worker in silent]
    if names:
        hint = "Wait for `manage.py sessions` to bury them, or look at those machines."
        return Check("leftovers", f"Silent for too long: {', '.join(names)}.", hint)
    return Check("leftovers", "No process was left behind.")


def check_audit_log() -> Check:
    """See whether the database still refuses to change what the audit log holds."""
    missing = missing_triggers()
    if missing:
        text = f"Entries can be changed: the trigger {missing[0]} is gone or not as it was made."
        hint = "Run `manage.py audit verify`, then make it anew as recovery/migrations/0003_audit_triggers.py does."
        return Check("audit_log", text, hint)
    return Check("audit_log", "The database refuses every change of an entry.")
