"""What goes into the operations of `/api/v1/`, and what comes out: the objects that commands print, without `type`."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from processing.analysis.verdict import RULES, Rule
from processing.forms import NAME_LENGTH_MAX, PATH_LENGTH_MAX, PHOTOS_MAX, WHY_LENGTH_MAX
from processing.keys import TAG_BYTES
from processing.models.preset import DEFAULT_PRESET
from processing.schemas import (
    LISTED,
    NO_CONTROLS,
    ONE_LINE,
    SESSION,
    STATUS,
    WHOLE,
    Session,
    Strict,
    Told,
    Worker,
    example,
)
from processing.views.verdict_forms import NOTE_LENGTH_MAX, POSITION_MAX, REASON_LENGTH_MAX
from recovery.audit import ACTOR_LENGTH
from recovery.schemas import Crash

PRESET_NAME_LENGTH_MAX = 100
SHA256 = "9f2b6c0d4e8a17f35b90c2d6e4f8a1b37c5d9e0f2a4b6c8d1e3f5a7b9c0d2e4f"
MAC = (2 * SHA256)[: 2 * TAG_BYTES]
Count = Annotated[int, Field(ge=1, le=PHOTOS_MAX), WHOLE]
Name = Annotated[str, Field(max_length=NAME_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE]
NewName = Annotated[
    str, Field(min_length=1, max_length=NAME_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE
]
PresetName = Annotated[
    str, Field(min_length=1, max_length=PRESET_NAME_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE
]
Source = Annotated[
    str, Field(min_length=1, max_length=PATH_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE
]
Why = Annotated[str, Field(max_length=WHY_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE]
Note = Annotated[str, Field(max_length=NOTE_LENGTH_MAX, json_schema_extra=NO_CONTROLS), ONE_LINE]
Actor = Annotated[str, Field(max_length=ACTOR_LENGTH, json_schema_extra=NO_CONTROLS), ONE_LINE]
Reason = Annotated[str, Field(pattern=r"^[a-z_]+$", max_length=REASON_LENGTH_MAX, examples=["noise"])]
Position = Annotated[int, Field(ge=0, le=POSITION_MAX)]
Verdict = Literal["approved", "rejected", "unreadable", "quarantined"]
PersonsVerdict = Literal["approved", "rejected"]
IMAGE = {
    "position": 17,
    "path": "beach/0412.jpg",
    "sha256": SHA256,
    "bytes": 8_123_456,
    "width_px": 6000,
    "height_px": 4000,
    "verdict": "rejected",
    "reasons": [{"code": "noise", "measured": 1.62, "limit": 1.35}],
    "measures": {"noise": 1.62},
    "similar_group": None,
    "override": {"verdict": "approved", "note": "the grain is wanted"},
}
ENTRY = {
    "number": 42,
    "at": "2026-11-24T18:00:02.113000Z",
    "actor": "ines",
    "action": "pause",
    "session": SESSION,
    "outcome": "done",
    "details": {"why": "the laptop moves"},
    "mac": MAC,
    "address": "192.0.2.7",
}


class SessionRequest(Strict):
    """A folder of photos to be proofed. What is left out is as the settings say."""

    model_config = example({"source": "/photos/2026/autumn", "name": "Autumn travel"})

    source: Annotated[Source, Field(description="A folder that the server can read, as a whole path.")]
    name: Name = ""
    preset: PresetName = DEFAULT_PRESET
    recursive: Annotated[bool, Field(description="With the folders inside it.")] = True
    batch_size: Annotated[Count | None, Field(description="Photos that one worker takes at a time.")] = None
    checkpoint_interval: Annotated[Count | None, Field(description="Save after so many photos.")] = None
    new: Annotated[bool, Field(description="Begin another one beside an unfinished session.")] = False


class SessionChange(Strict):
    """What of a session may be changed."""

    model_config = example({"name": "Autumn travel, second half"})

    name: NewName


class Step(Strict):
    """Why a session is paused or cancelled."""

    model_config = example({"reason": "the laptop moves"})

    reason: Why = ""


class Progress(Told):
    """How a session stands: `processed` = approved + rejected + failed."""

    model_config = example(STATUS)

    session: UUID
    status: str
    processed: int
    total: int | None
    approved: int
    rejected: int
    failed: int
    skipped: int
    rate_per_s: float | None
    eta_s: float | None


class WholeSession(Session):
    """A session with the workers in its lane and its last crash."""

    model_config = example(LISTED | {"workers": [], "last_crash": None})

    workers: list[Worker]
    last_crash: Crash | None


class Judgment(Told):
    """One reason of the machine: what was measured, and what the rule allows."""

    code: str
    measured: float | None
    limit: float | None


class Said(Told):
    """A person's verdict in force."""

    verdict: str
    note: str


class Image(Told):
    """One photo; `verdict` is the machine's, the comparison included, and `override` a person's."""

    model_config = example(IMAGE)

    position: int
    path: str
    sha256: str | None
    bytes: int
    width_px: int | None
    height_px: int | None
    verdict: str
    reasons: list[Judgment]
    measures: dict[str, Any]
    similar_group: int | None
    override: Said | None


class ImagePage(Told):
    """Some photos in order of position. A page may be short, even empty; only `next: null` says that it is the last."""

    items: list[Image]
    next: str | None


class OverrideRequest(Strict):
    """A person's verdict on one photo; null lets the machine's count again."""

    model_config = example({"verdict": "approved", "note": "the grain is wanted"})

    verdict: PersonsVerdict | None
    note: Note = ""


class OverridesRequest(OverrideRequest):
    """A person's verdict on all photos that are decided so now, and to which the machine gave this reason."""

    model_config = example(
        {"verdict": "approved", "verdict_is": "rejected", "reason": "noise", "note": "the grain is wanted"}
    )

    verdict_is: Verdict | None = None
    reason: Reason | None = None


class Overridden(Told):
    """What was said, and how many photos that changed; a null verdict was withdrawn."""

    model_config = example(
        {"session": SESSION, "position": None, "verdict": "approved", "note": "", "photos": 14}
    )

    session: UUID
    position: int | None
    verdict: str | None
    note: str
    photos: int


class Entry(Told):
    """One entry of the audit log."""

    model_config = example(ENTRY)

    number: int
    at: str
    actor: str
    action: str
    session: UUID | None
    outcome: str
    details: dict[str, Any]
    mac: str
    address: str | None


class EntryPage(Told):
    """Some entries, newest first; `next` is what `after` takes for those that follow, the older ones."""

    items: list[Entry]
    next: str | None


class AuditVerifyRequest(Strict):
    """A head that was exported earlier must still be in the chain."""

    model_config = example({"head": MAC})

    head: Annotated[str, Field(pattern=f"^[0-9a-f]{{{2 * TAG_BYTES}}}$")] | None = None


class AuditVerification(Told):
    """Whether the log is as it was written; `head` is the mac of its last entry: keep it elsewhere."""

    model_config = example({"ok": True, "entries": 42, "first_bad": None, "head": MAC, "problems": []})

    ok: bool
    entries: int
    first_bad: int | None
    head: str | None
    problems: list[str]


class Preset(Told):
    """The rules that photos are judged by; a session keeps a copy."""

    model_config = example(
        {"name": "Microstock", "rules": {"formats": ["JPEG"], "min_megapixels": 4}, "is_default": False}
    )

    name: str
    rules: dict[str, Any]
    is_default: bool


class PresetPage(Told):
    """Some presets by name."""

    items: list[Preset]
    next: str | None


def _rule_schema(rule: Rule) -> dict[str, Any]:
    """Describe what one rule takes."""
    if rule.direction == "one_of":
        kind: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
    else:
        kind = {"type": "number", "minimum": 0, "maximum": rule.highest}
    return kind | {"description": rule.sentence}


RULES_SCHEMA = {
    "type": "object",
    "properties": {rule.key: _rule_schema(rule) for rule in RULES},
    "additionalProperties": False,
}


class PresetRequest(Strict):
    """A new preset. A rule that is left out is not applied."""

    model_config = example({"name": "Microstock", "rules": {"formats": ["JPEG"], "min_megapixels": 4}})

    name: PresetName
    rules: Annotated[dict[str, Any], WithJsonSchema(RULES_SCHEMA)]
