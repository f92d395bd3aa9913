"""Everything that is stored, read by plain SQL: what a step left behind, table by table."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection

from processing import queue

COUNTERS = ("processed", "approved", "rejected", "unreadable", "quarantined")


class SessionRow(NamedTuple):
    """A session as it is stored."""

    pk: str
    stage: str
    hold: str
    last_error: str
    crashed_at: Any
    started_at: Any
    attempt: int
    found_count: int
    total: int | None
    checkpoint_interval: int
    processed: int
    approved: int
    rejected: int
    unreadable: int
    quarantined: int
    reason_counts: Any
    shift: Any
    finished_sum: Any

    @property
    def is_workable(self) -> bool:
        """Whether workers may take work of it."""
        return self.stage != "completed" and not self.hold and self.crashed_at is None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.stage == "completed" or self.hold == "cancelled"


class BatchRow(NamedTuple):
    """A batch as it is stored, without its manifest."""

    pk: int
    session: str
    number: int
    kind: str
    first_position: int
    photos_count: int
    status: str
    lease: int
    worker: int | None
    attempt: int
    sequence: int
    processed: int
    approved: int
    rejected: int
    unreadable: int
    quarantined: int
    reason_counts: Any
    digest: Any


class ResultRow(NamedTuple):
    """A result as it is stored."""

    pk: int
    session: str
    batch: int
    position: int
    size_bytes: int
    mtime_ns: int
    sha256: str
    verdict: str
    reasons: Any
    lease: int
    attempt: int
    mac: Any
    created_at: Any
    superseded_by: int | None
    relation: str
    decision: str

    @property
    def machine_written(self) -> tuple[Any, ...]:
        """What never changes."""
        return self[:13]

    @property
    def reason_codes(self) -> tuple[str, ...]:
        """Why it was refused."""
        return tuple(reason["code"] for reason in as_json(self.reasons))


class WorkerRow(NamedTuple):
    """A process as it is stored."""

    pk: int
    token: str
    pid: int
    host: str
    parent: int | None
    serves: str | None
    ended_at: Any


class CheckpointRow(NamedTuple):
    """A checkpoint as it is stored, without its state."""

    pk: str
    session: str
    batch: int | None
    checkpoint_type: str
    sequence: int
    processed_count: int
    last_result: int | None
    attempt: int
    voided_by: int | None


class OverrideRow(NamedTuple):
    """A person's verdict as it is stored."""

    pk: int
    session: str
    position: int
    content: str
    new: str


class AttemptRow(NamedTuple):
    """A recovery as it is stored."""

    pk: int
    session: str
    number: int
    option: str
    by: str
    checkpoint: str | None
    preview: Any
    last_result: int | None
    undone_at: Any


class CrashRow(NamedTuple):
    """A death as it is stored."""

    pk: str
    session: str | None
    worker: int
    discarded_count: int
    interrupts: bool


class MessageRow(NamedTuple):
    """A call for a lane as it is stored."""

    pk: int
    key: str
    payload: str

    @property
    def session(self) -> str:
        """The session that is called for."""
        return str(queue._session_of(self.payload)).replace("-", "")


class AuditRow(NamedTuple):
    """An act as it is stored."""

    pk: int
    action: str
    session: str | None
    outcome: str


TABLES: dict[str, tuple[type[Any], dict[str, str]]] = {
    "processing_processingsession": (SessionRow, {"pk": "id"}),
    "processing_batch": (BatchRow, {"pk": "id", "session": "session_id", "worker": "worker_id"}),
    "processing_imageresult": (ResultRow, {"pk": "id", "session": "session_id", "batch": "batch_id"}),
    "processing_worker": (WorkerRow, {"pk": "id", "parent": "parent_id", "serves": "serves_id"}),
    "processing_override": (OverrideRow, {"pk": "id", "session": "session_id"}),
    "recovery_checkpoint": (CheckpointRow, {"pk": "id", "session": "session_id", "batch": "batch_id"}),
    "recovery_recoveryattempt": (AttemptRow, {"pk": "id", "session": "session_id"}),
    "recovery_crash": (CrashRow, {"pk": "id", "session": "session_id", "worker": "worker_id"}),
    "django_q_ormq": (MessageRow, {"pk": "id"}),
    "recovery_auditentry": (AuditRow, {"pk": "number"}),
}
STATEMENTS = {
    table: f"SELECT {', '.join(names.get(name, name) for name in row._fields)} FROM {table}"  # noqa: S608 -- our own names
    for table, (row, names) in TABLES.items()
}
SESSION_FIELDS = {
    table: [place for place, name in enumerate(row._fields) if name in ("session", "serves")]
    for table, (row, _names) in TABLES.items()
}
IDS = {
    "processing_processingsession": "pk",
    "recovery_checkpoint": "pk",
    "recovery_crash": "pk",
    "recovery_recoveryattempt": "checkpoint",
}


@dataclass
class Stored:
    """What is stored after a step; tables that the step did not write are those of the step before."""

    tables: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def after(self, written: Iterable[str]) -> "Stored":
        """Read the tables that were written."""
        return Stored({**self.tables, **{table: read(table) for table in written if table in TABLES}})

    @property
    def sessions(self) -> dict[str, SessionRow]:
        """Sessions by key."""
        return self.tables["processing_processingsession"]

    @property
    def batches(self) -> dict[int, BatchRow]:
        """Batches by key."""
        return self.tables["processing_batch"]

    @property
    def results(self) -> dict[int, ResultRow]:
        """Results by key."""
        return self.tables["processing_imageresult"]

    @property
    def workers(self) -> dict[int, WorkerRow]:
        """Processes by key."""
        return self.tables["processing_worker"]

    @property
    def checkpoints(self) -> dict[str, CheckpointRow]:
        """Checkpoints by key."""
        return self.tables["recovery_checkpoint"]

    @property
    def overrides(self) -> dict[int, OverrideRow]:
        """Overrides by key."""
        return self.tables["processing_override"]

    @property
    def attempts(self) -> dict[int, AttemptRow]:
        """Recoveries by key."""
        return self.tables["recovery_recoveryattempt"]

    @property
    def crashes(self) -> dict[str, CrashRow]:
        """Deaths by key."""
        return self.tables["recovery_crash"]

    @property
    def messages(self) -> dict[int, MessageRow]:
        """Calls for lanes by key."""
        return self.tables["django_q_ormq"]

    @property
    def audit(self) -> dict[int, AuditRow]:
        """Acts by number."""
        return self.tables["recovery_auditentry"]

    def live_of(self, session: str) -> list[ResultRow]:
        """Live results of a session, in order of their keys."""
        return [row for row in self.results.values() if row.session == session and row.superseded_by is None]


def read(table: str) -> dict[Any, Any]:
    """Read a whole table in the order of its keys."""
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[table])
        rows = cursor.fetchall()
    made, places = TABLES[table][0]._make, [*SESSION_FIELDS[table]]
    if table in IDS:
        places.append(TABLES[table][0]._fields.index(IDS[table]))
    if connection.vendor == "postgresql":
        rows = [tuple(_plain(value, place in places) for place, value in enumerate(row)) for row in rows]
    return {row[0]: made(row) for row in sorted(rows, key=lambda row: row[0])}


def read_all() -> Stored:
    """Read everything."""
    return Stored().after(TABLES)


def _plain(value: Any, is_id: bool) -> Any:  # noqa: FBT001 -- used here alone
    """Give a value as SQLite would."""
    if is_id and value is not None:
        return value.hex
    return bytes(value) if isinstance(value, memoryview) else value


def as_json(value: Any) -> Any:
    """Read a JSON column."""
    return json.loads(value) if isinstance(value, str) else value


def as_instant(value: Any) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
