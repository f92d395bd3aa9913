"""One photo's page: the picture with its marks, why it was judged so, and who has said what of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from processing import gauges, marks, wording
from processing.gallery import USUAL_PX, Frame, Place, frame_of, hand_of, refusal_of
from processing.gauges import Finding
from processing.looking import Found, look
from processing.marks import Curve, Loupe, Mark
from processing.models import ImageResult, Override, ProcessingSession
from processing.originals import is_shown
from processing.overriding import newest_of
from processing.pictures import Details
from processing.states import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

BEFORE, BEHIND = 2, 3
STRIP_BEHIND = 2
HISTORY_MAX = 50
SHORT_HASH = 12
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a photo's history; an empty verdict withdraws the one before."""

    who: str
    verdict: str
    word: str
    note: str
    at: datetime
    counts: bool

    @property
    def icon(self) -> str:
        """The symbol of what was said."""
        return self.verdict or "undo"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of facts."""

    word: str
    value: str


@dataclass(frozen=True, slots=True)
class Review:
    """One photo as its page shows it."""

    session: ProcessingSession
    place: Place
    frame: Frame
    size: str
    machine: Said
    broken: list[Finding]
    passed: list[Finding]
    view_box: str
    marks: list[Mark]
    loupes: list[Loupe]
    curves: list[Curve]
    tones: str
    camera_facts: list[Fact]
    file_facts: list[Fact]
    history: list[Said]
    strip: list[Frame]
    previous: int | None
    next: int | None
    prefetched: list[int]
    note: str
    has_details: bool
    refusal: str
    is_looked_before: bool
    is_looked_behind: bool
    # Whether the file itself is there, is the one that was judged, and is of a type that browsers show.
    shows_picture: bool

    @property
    def title(self) -> str:
        """The head of the list of reasons."""
        if not self.broken:
            return _("No reason against it") if self.machine.verdict == "approved" else self.machine.word
        count = len(self.broken)
        return ngettext("{n} reason against it", "{n} reasons against it", count).format(n=count)

    @property
    def pixels(self) -> str:
        """Width and height; empty when the photo was never decoded."""
        if self.frame.is_measured:
            return f"{wording.grouped(self.frame.width)} \u00d7 {wording.grouped(self.frame.height)}"
        return ""

    @property
    def megapixels(self) -> str:
        """Its size in megapixels."""
        return gauges.amount(self.frame.width * self.frame.height / gauges.MEGA, "MP")

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to show."""
        return not self.shows_picture and not self.frame.has_thumbnail

    @property
    def none_before(self) -> str:
        """What stands in the place of the button that leads back."""
        return _("None before") if self.is_looked_before else _("None near before")

    @property
    def none_behind(self) -> str:
        """What stands in the place of the button that leads on."""
        return _("None behind") if self.is_looked_behind else _("None near behind")

    @property
    def approve_words(self) -> str:
        """The words of the button that approves."""
        return _("Keep approved") if self.frame.verdict == Verdict.APPROVED else _("Approve")

    @property
    def reject_words(self) -> str:
        """The words of the button that rejects."""
        return _("Keep rejected") if self.frame.verdict == Verdict.REJECTED else _("Reject")


def live_row(session: ProcessingSession, position: int) -> ImageResult | None:
    """Find a photo's result; None when it has none, or none that counts."""
    return ImageResult.objects.live().filter(session=session, position=position).first()


def review_of(
    session: ProcessingSession, row: ImageResult, place: Place, person: str, details: Details | None
) -> Review:
    """Build one photo's page as a person sees it; photos before and behind it are those of the filter."""
    said = list(Override.objects.filter(session=session, position=row.position).order_by("-pk")[:HISTORY_MAX])
    newest = said[0] if said else None
    before = look(session, place.filter, row.position, BEFORE, back=True)
    behind = look(session, place.filter, row.position, BEHIND)
    numerals = marks.numerals_of(row.reason_codes, details)
    width, height = (row.width_px, row.height_px) if row.width_px and row.height_px else USUAL_PX
    return Review(
        session=session,
        place=place,
        frame=frame_of(row, newest, person),
        size=gauges.size(row.size_bytes),
        machine=_machine(row),
        broken=gauges.broken_findings(row, session.preset, numerals),
        passed=gauges.passed_findings(row, session.preset, numerals),
        view_box=marks.view_box(width, height),
        marks=marks.marks_of(details, numerals, width, height),
        loupes=marks.loupes_of(details, numerals, row.reason_codes),
        curves=marks.curves_of(details),
        tones=marks.tones_of(details),
        camera_facts=_camera_facts(details),
        file_facts=_file_facts(row),
        history=[_said(event, row, person, is_newest=event is newest) for event in said],
        strip=_strip(session, before, row, behind, person),
        previous=before.rows[0].position if before.rows else None,
        next=behind.rows[0].position if behind.rows else None,
        prefetched=[one.position for one in behind.rows if is_shown(one)],
        note=row.note,
        has_details=details is not None,
        refusal=refusal_of(session),
        is_looked_before=before.further is None,
        is_looked_behind=behind.further is None,
        shows_picture=is_shown(row),
    )


def _strip(
    session: ProcessingSession, before: Found, row: ImageResult, behind: Found, person: str
) -> list[Frame]:
    """Give the neighbors in their order, this photo in the middle."""
    rows = [*reversed(before.rows), row, *behind.rows[:STRIP_BEHIND]]
    events = newest_of(session, [one.position for one in rows])
    return [frame_of(one, events.get(one.position), person) for one in rows]


def _machine(row: ImageResult) -> Said:
    verdict = row.machine_verdict
    word = str(Verdict(verdict).label).capitalize()
    return Said(_("by Stockproof"), verdict, word, row.note, row.created_at, counts=row.decision == verdict)


def _said(event: Override, row: ImageResult, person: str, *, is_newest: bool) -> Said:
    word = str(Verdict(event.new).label).capitalize() if event.new else _("Withdrawn")
    counts = is_newest and bool(event.verdict_on(row))
    return Said(hand_of(event.by, person), event.new, word, event.note, event.created_at, counts)


def _file_facts(row: ImageResult) -> list[Fact]:
    changed = EPOCH + timedelta(microseconds=row.mtime_ns // 1000)
    return [
        Fact(_("Path"), row.path_text),
        Fact(_("Size"), gauges.size(row.size_bytes)),
        Fact(_("Changed"), wording.instant(changed)),
        Fact(_("SHA-256"), f"{row.sha256[:SHORT_HASH]}…" if row.sha256 else _("not read to its end")),
    ]


def _camera_facts(details: Details | None) -> list[Fact]:
    """Give what the photo says of how it was taken, in a fixed order."""
    facts: Mapping[str, str | int | float] = details.facts if details else {}
    words = {
        "camera": _("Camera"),
        "lens": _("Lens"),
        "focal_mm": _("Focal length"),
        "aperture": _("Aperture"),
        "shutter_s": _("Shutter"),
        "iso": _("ISO"),
        "taken_at": _("Taken"),
        "color_space": _("Colors"),
        "format": _("Format"),
        "jpeg_quality": _("JPEG quality"),
    }
    return [
        Fact(word, fact_text(name, facts[name]))
        for name, word in words.items()
        if facts.get(name) not in (None, "")
    ]


def fact_text(name: str, value: str | int | float) -> str:
    """Write one fact with its unit, as photographers do: 1/200 s, f/8, 18 mm."""
    if isinstance(value, str):
        return value
    if name == "shutter_s" and 0 < value < 1:
        return f"1/{round(1 / value)}{wording.NO_BREAK}s"
    units = {"shutter_s": "s", "focal_mm": "mm"}
    number = gauges.amount(float(value), units.get(name, ""))
    return f"f/{number}" if name == "aperture" else number
