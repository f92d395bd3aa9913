"""Shapes of the REST interface of recovery; the objects are those that commands print as JSON, without `type`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from processing.schemas import (
    LISTED,
    NO_CONTROLS,
    ONE_LINE,
    SESSION,
    WHOLE,
    Session,
    Strict,
    Told,
    example,
)
from recovery.statistics import read_since

NOTE_LENGTH_MAX = 200
NUMBER_MAX = 2**31 - 1
KEEP_MAX = 1000
CHECKPOINT = "6e1f6f0a-7b0d-4a63-9f0c-2f9b1f4c8d21"


def _since(text: Any) -> datetime:
    return read_since(str(text))


Line = Annotated[str, Field(max_length=NOTE_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE]
# Strict values are those of Python; in JSON an id is a text.
Id = Annotated[UUID, Field(strict=False)]
Number = Annotated[int, Field(ge=0, le=NUMBER_MAX), WHOLE]
Keep = Annotated[
    int,
    Field(
        ge=1,
        le=KEEP_MAX,
        description="Image checkpoints that stay; if left out, CHECKPOINT_KEEP_COUNT of them.",
    ),
]
Since = Annotated[
    datetime,
    BeforeValidator(_since),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]{1,5}[dhm]$"},
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ],
            "description": "From here on: 30d, 12h or 45m ago, or an ISO date; if left out, of all times.",
            "examples": ["30d"],
        }
    ),
]


class Crash(Told):
    """What ended a process, most likely, and why that is believed."""

    model_config = example(
        {
            "crash": "c8f9f1b0-7d1e-4a52-9d3b-0f1f3a5b7c91",
            "session": SESSION,
            "crash_type": "power_failure",
            "confidence": 0.91,
            "probabilities": {"power_failure": 0.91, "system_crash": 0.07, "unknown": 0.02},
            "evidence": ["The machine was started anew."],
            "photo": "beach/0412.jpg",
            "detected_at": "2026-11-24T18:00:02.113Z",
            "can_recover": True,
        }
    )

    crash: UUID
    session: UUID | None
    crash_type: str
    confidence: float
    probabilities: dict[str, float]
    evidence: list[str]
    photo: str | None
    detected_at: str
    can_recover: bool


class CrashedSession(Session):
    """An interrupted or failed session, its newest crash, and whether you can recover it."""

    model_config = example(LISTED | {"status": "interrupted", "crash": None, "can_recover": True})

    crash: Crash | None
    can_recover: bool


class CrashedSessionPage(Told):
    """Some interrupted or failed sessions, newest first; `next` is what `after` takes for those that follow."""

    items: list[CrashedSession]
    next: str | None


class ConfidencePart(Told):
    """One piece of evidence: its score from 0 to 1, and what a score of 0 takes away from the whole."""

    name: str
    score: float
    weight: float
    text: str


class WayBack(Told):
    """One way back: what it keeps, redoes and leaves, and how sure it is; `attempt` is the state shown."""

    model_config = example(
        {
            "session": SESSION,
            "option": "continue",
            "checkpoint": CHECKPOINT,
            "keep": 400,
            "redo": 0,
            "left": 240,
            "start_index": 400,
            "seconds": 31.5,
            "confidence": 0.97,
            "confidence_parts": [
                {"name": "seal", "score": 1.0, "weight": 0.5, "text": "The seal is intact."}
            ],
            "risks": [],
            "needs_confirmation": False,
            "available": True,
            "attempt": 0,
        }
    )

    session: UUID
    option: str
    checkpoint: UUID | None
    keep: int
    redo: int
    left: int
    start_index: int
    seconds: float | None
    confidence: float
    confidence_parts: list[ConfidencePart]
    risks: list[str]
    needs_confirmation: bool
    available: bool
    attempt: int


class WaysBack(Told):
    """The three ways back; there are never more, so `next` is null."""

    items: list[WayBack]
    next: None


class RecoverRequest(Strict):
    """Which way back to take. `attempt` is the one of the options that were looked at: if it moved, nothing is done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"option": "continue", "confirmed": False, "attempt": 0}],
            "allOf": [
                {
                    "if": {
                        "required": ["checkpoint_id"],
                        "properties": {"checkpoint_id": {"type": "string"}},
                    },
                    "then": {"properties": {"option": {"const": "continue"}}},
                },
                {
                    "if": {"properties": {"option": {"const": "fresh_start"}}},
                    "then": {"required": ["confirmed"], "properties": {"confirmed": {"const": True}}},
                },
            ],
        }
    )

    option: Literal["continue", "restart_batch", "fresh_start"]
    confirmed: bool = False
    checkpoint_id: Id | None = None
    attempt: Number | None = None


class RollbackRequest(Strict):
    """Which recovery to undo, with all that stand on it."""

    model_config = example({"attempt": 1})

    attempt: Annotated[int, Field(ge=1, le=NUMBER_MAX), WHOLE]


class NoteRequest(Strict):
    """What a checkpoint is for."""

    model_config = example({"note": "before the new lens profile"})

    note: Line = ""


class VerifyRequest(Strict):
    """Whether what can be worked out again is mended."""

    model_config = example({"repair": False})

    repair: bool = False


class Recovery(Told):
    """What was done, and where the session goes on."""

    model_config = example(
        {
            "success": True,
            "message": "The session goes on from photo 401: 400 verdicts kept, 0 put aside, 240 photos left.",
            "start_index": 400,
            "attempt": 1,
            "session": SESSION,
            "option": "continue",
            "keep": 400,
            "redo": 0,
            "left": 240,
        }
    )

    success: bool
    message: str
    start_index: int
    attempt: int
    session: UUID
    option: str
    keep: int
    redo: int
    left: int


class CheckpointTold(Told):
    """A checkpoint: what it covers, and whether it is as it was sealed."""

    model_config = example(
        {
            "checkpoint": CHECKPOINT,
            "session": SESSION,
            "checkpoint_type": "manual",
            "processed_count": 400,
            "current_batch": 8,
            "current_image_index": 400,
            "bytes": 812,
            "intact": True,
            "pinned": True,
            "created_at": "2026-11-24T18:00:02.113Z",
        }
    )

    checkpoint: UUID
    session: UUID
    checkpoint_type: str
    processed_count: int
    current_batch: int | None
    current_image_index: int | None
    bytes: int
    intact: bool
    pinned: bool
    created_at: str


class CheckpointPage(Told):
    """Some checkpoints, newest first; `next` is what `after` takes for those that follow."""

    items: list[CheckpointTold]
    next: str | None


class Cleanup(Told):
    """How many checkpoints were deleted."""

    model_config = example({"session": SESSION, "keep": 5, "deleted": 3})

    session: UUID
    keep: int
    deleted: int


class FindingTold(Told):
    """One problem, and whether a repair can mend it."""

    code: str
    text: str
    repairable: bool


class Verification(Told):
    """Whether it is safe to go on. `findings` counts the problems, `problems` are the first of them."""

    model_config = example(
        {
            "session": SESSION,
            "safe": "safe_after_repair",
            "results": 400,
            "checkpoints": 7,
            "findings": 1,
            "repaired": 0,
            "problems": [{"code": "counters", "text": "Batch 3 counts 49 of 50.", "repairable": True}],
        }
    )

    session: UUID
    safe: str
    results: int
    checkpoints: int
    findings: int
    repaired: int
    problems: list[FindingTold]


class StatisticsTold(Told):
    """What crashes and recoveries have cost, of the sessions that you may see."""

    model_config = example(
        {
            "since": "2026-10-25T00:00:00Z",
            "crashes": 2,
            "crashes_by_type": {"power_failure": 2},
            "recoveries": 2,
            "recoveries_succeeded": 2,
            "success_rate": 1.0,
            "rollbacks": 0,
            "time_lost_s": 41.2,
            "photos_redone": 6,
            "integrity_problems": 0,
            "repaired": 0,
            "checkpoint_cost_share": 0.008,
        }
    )

    since: str | None
    crashes: int
    crashes_by_type: dict[str, int]
    recoveries: int
    recoveries_succeeded: int
    success_rate: float | None
    rollbacks: int
    time_lost_s: float
    photos_redone: int
    integrity_problems: int
    repaired: int
    checkpoint_cost_share: float | None
