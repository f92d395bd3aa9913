"""The photos of a session on one contact sheet, with the filters beside it, ready for a template."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from processing import headlines, wording
from processing.headlines import Headline
from processing.looking import Filter, look
from processing.models import ImageResult, Override, ProcessingSession
from processing.overriding import newest_of
from processing.pictures import has_thumbnail
from processing.progress import WORKING
from processing.snapshots import snapshots_of
from processing.states import Status, Verdict

PHOTOS_PER_PAGE = 60
# A frame without known size is drawn as the most usual one.
USUAL_PX = (3, 2)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is among a session's photos: filter, the position before the first one, and what was just said.

    Photos of `said` stay in their place until the page is left, though they match no more; `act` names the last act.
    """

    verdict: str = ""
    reason: str = ""
    after: int | None = None
    said: tuple[int, ...] = ()
    act: str = ""

    @property
    def filter(self) -> Filter:
        """Which photos are asked for."""
        return Filter(self.verdict, self.reason)

    @property
    def query(self) -> str:
        """The place in an address, without what was just said."""
        parts = {"verdict": self.verdict, "reason": self.reason, "after": self.after}
        return urlencode({name: value for name, value in parts.items() if value not in ("", None)})

    @property
    def told(self) -> str:
        """The place in an address, with what was just said."""
        said = {"said": ".".join(map(str, self.said)), "act": self.act}
        return "&".join(
            part for part in (self.query, urlencode({k: v for k, v in said.items() if v})) if part
        )

    @property
    def said_text(self) -> str:
        """What was just said, as the address has it."""
        return ".".join(map(str, self.said))

    @property
    def is_filtered(self) -> bool:
        """Whether not all photos are asked for."""
        return bool(self.verdict or self.reason)

    @property
    def words(self) -> str:
        """The filter in words."""
        words = [str(Verdict(self.verdict).label)] if self.verdict else []
        return " · ".join([*words, wording.reason_words(self.reason)] if self.reason else words)


@dataclass(frozen=True, slots=True)
class Facet:
    """One line of the filters; the icon may be empty."""

    word: str
    icon: str
    count: int
    query: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One photo on the sheet; number counts from 1, `hand` says whose verdict decides when a person's does."""

    position: int
    number: int
    name: str
    path: str
    width: int
    height: int
    has_thumbnail: bool
    is_measured: bool
    verdict: str
    word: str
    why: str
    hand: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """How many photos match, by stored counters; where two filters meet, no more than this is known."""

    count: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Gallery:
    """One page of photos."""

    session: ProcessingSession
    headline: Headline
    place: Place
    verdicts: list[Facet]
    reasons: list[Facet]
    matches: Matches
    frames: list[Frame]
    approved_count: int
    processed_count: int
    found_count: int
    further: int | None = None
    refusal: str = ""
    offers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_working(self) -> bool:
        """Whether photos are still being judged, so that more may match soon."""
        return self.session.status in WORKING

    @property
    def refusal_of_all(self) -> str:
        """Why nobody can give a verdict to all that match."""
        return refusal_of_all(self.session)

    @property
    def page_size(self) -> int:
        """Photos of a full page."""
        return PHOTOS_PER_PAGE

    @property
    def is_partial(self) -> bool:
        """Whether the look ended before the page was full."""
        return self.further is not None and self.found_count < PHOTOS_PER_PAGE

    @property
    def first_number(self) -> int:
        """The number of the first photo here."""
        return self.frames[0].number

    @property
    def last_number(self) -> int:
        """The number of the last photo here."""
        return self.frames[-1].number

    @property
    def next_query(self) -> str:
        """Where it goes on."""
        return replace(self.place, after=self.further).query

    @property
    def first_query(self) -> str:
        """Where it begins."""
        return replace(self.place, after=None).query

    @property
    def looked_until(self) -> int:
        """The number of the last photo that was looked at, when the look ended early."""
        return 0 if self.further is None else self.further + 1


def gallery_of(session: ProcessingSession, place: Place, person: str) -> Gallery:
    """Build one page of photos as a person sees it: stored counters, and as few rows as a page has."""
    counts, reasons = session.counts(), session.count_reasons()
    matches = count_matches(counts, reasons, place.filter)
    start = -1 if place.after is None else place.after
    found = look(session, place.filter, start, PHOTOS_PER_PAGE)
    rows = with_said(session, found.rows, place.said)
    events = newest_of(session, [row.position for row in rows])
    return Gallery(
        session=session,
        headline=headlines.headline_of(snapshots_of([session])[0]),
        place=place,
        verdicts=_verdict_facets(counts, place),
        reasons=_reason_facets(reasons, counts["processed"], place),
        matches=matches,
        frames=[frame_of(row, events.get(row.position), person) for row in rows],
        approved_count=counts["approved"],
        processed_count=counts["processed"],
        found_count=len(found.rows),
        further=found.further,
        refusal=refusal_of(session),
        offers=_offers(place, matches),
    )


def count_matches(counts: Mapping[str, int], reasons: Mapping[str, int], wanted: Filter) -> Matches:
    """Say from stored counters how many photos match; nothing is counted."""
    by_verdict = counts[wanted.verdict or "processed"]
    if not wanted.reason:
        return Matches(by_verdict, is_exact=True)
    by_reason = reasons.get(wanted.reason, 0)
    return Matches(min(by_verdict, by_reason), is_exact=not wanted.verdict or not by_reason)


def with_said(
    session: ProcessingSession, rows: list[ImageResult], said: tuple[int, ...]
) -> list[ImageResult]:
    """Add photos that were just judged on this page, in their places."""
    missing = set(said).difference(row.position for row in rows)
    if not missing:
        return rows
    more = Filter().rows(session).filter(position__in=sorted(missing))
    return sorted([*rows, *more], key=lambda row: row.position)


def frame_of(row: ImageResult, event: Override | None, person: str) -> Frame:
    """Build one frame; the event is the newest that a person said of the photo."""
    said = event if event is not None and event.verdict_on(row) else None
    is_measured = bool(row.width_px and row.height_px)
    width, height = (row.width_px or 0, row.height_px or 0) if is_measured else USUAL_PX
    return Frame(
        position=row.position,
        number=row.position + 1,
        name=row.path_text.rpartition("/")[2],
        path=row.path_text,
        width=width,
        height=height,
        has_thumbnail=has_thumbnail(row),
        is_measured=is_measured,
        verdict=row.decision,
        word=str(Verdict(row.decision).label).capitalize(),
        why=" · ".join(reason_words_of(row)),
        hand=hand_of(said.by, person) if said else "",
        note=said.note if said else "",
    )


def reason_words_of(row: ImageResult) -> list[str]:
    """Say a photo's reasons in words."""
    return [wording.reason_words(code) for code in row.reason_codes]


def hand_of(by: str, person: str) -> str:
    """Say who has decided."""
    if by == person:
        return _("by you")
    return _("by {name}").format(name=by) if by else _("by a person")


def refusal_of(session: ProcessingSession) -> str:
    """Say why nobody can give a verdict; empty when one can."""
    if session.status == Status.CANCELLED:
        return _("This session was cancelled: its verdicts stay as they are.")
    return ""


def refusal_of_all(session: ProcessingSession) -> str:
    """Say why nobody can give a verdict to all that match; empty when one can."""
    if session.status in WORKING:
        return _("The number still changes: wait until the last photo is judged, or pause the session.")
    return refusal_of(session)


def _verdict_facets(counts: Mapping[str, int], place: Place) -> list[Facet]:
    here = replace(place, after=None)
    total = Facet(_("All"), "", counts["processed"], replace(here, verdict="").query, not place.verdict)
    return [
        total,
        *(
            Facet(
                str(verdict.label).capitalize(),
                verdict.value,
                counts[verdict.value],
                replace(here, verdict=verdict.value).query,
                place.verdict == verdict,
            )
            for verdict in Verdict
        ),
    ]


def _reason_facets(reasons: Mapping[str, int], total: int, place: Place) -> list[Facet]:
    here = replace(place, after=None)
    shown = {code: count for code, count in reasons.items() if count or code == place.reason}
    if place.reason:
        shown.setdefault(place.reason, 0)
    ordered = sorted(shown.items(), key=lambda item: (-item[1], item[0]))
    anything = Facet(_("Any"), "", total, replace(here, reason="").query, not place.reason)
    return [
        anything,
        *(
            Facet(
                wording.reason_words(code), "", count, replace(here, reason=code).query, code == place.reason
            )
            for code, count in ordered
        ),
    ]


def _offers(place: Place, matches: Matches) -> list[tuple[str, str]]:
    """Give the verdicts that may be given to all that match, each with the words of its button."""
    if not place.is_filtered or not matches.count:
        return []
    return [
        (verdict, all_words(verdict, matches))
        for verdict in ("approved", "rejected")
        if verdict != place.verdict
    ]


def all_words(verdict: str, matches: Matches) -> str:
    """Say what a button does to all that match, with the count; it asks first."""
    number = wording.grouped(matches.count)
    if not matches.is_exact:
        text = _("Approve up to {number}…") if verdict == "approved" else _("Reject up to {number}…")
    elif verdict == "approved":
        text = ngettext("Approve the only one…", "Approve all {number}…", matches.count)
    else:
        text = ngettext("Reject the only one…", "Reject all {number}…", matches.count)
    return text.format(number=number)
