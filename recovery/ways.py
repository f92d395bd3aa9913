"""The ways back as the pages show them: each a sentence with its numbers, a bar, its certainty and what speaks against it.

Every number is that of `prepare_recovery_options`; here they only become words and lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from processing import wording
from processing.models import Batch, Override, ProcessingSession
from processing.states import BatchKind, Status
from recovery.confidence import SAFE_MIN, Part
from recovery.happened import percent
from recovery.models import Checkpoint
from recovery.plans import Option, RecoveryOption, prepare_recovery_options, state_of, total_of

BAR_WIDTH = 1000
SAFETIES = (
    (0.95, gettext_lazy("Almost certain to be safe")),
    (0.85, gettext_lazy("Very likely safe")),
    (0.60, gettext_lazy("Likely safe")),
)
PARTS = {
    "seal": gettext_lazy("Checkpoint seal"),
    "chain": gettext_lazy("Chain of checkpoints"),
    "rows": gettext_lazy("Verdicts and counters"),
    "age": gettext_lazy("Age of the checkpoint"),
    "source": gettext_lazy("Source folder"),
    "holder": gettext_lazy("Old worker"),
    "attempts": gettext_lazy("Earlier attempts"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way back. Lengths are thousandths of the bar: kept, made again, left; a reason says why it is closed."""

    option: Option
    title: str
    sentence: str
    safety: str
    is_sure: bool
    kept: str
    again: str
    rest: str
    reason: str
    is_chosen: bool

    @property
    def again_x(self) -> str:
        """Where the hatched part begins."""
        return self.kept

    @property
    def rest_x(self) -> str:
        """Where the part that was never done begins."""
        return f"{float(self.kept) + float(self.again):.1f}"


@dataclass(frozen=True, slots=True)
class PartLine:
    """One piece of evidence: what it leaves of the certainty, and how much it counts."""

    word: str
    text: str
    score: str
    weight: str
    leaves: str
    length: str


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways back out of one state, ready to be decided on; `state` is what the answer must name."""

    session: ProcessingSession
    state: str
    ways: list[Way]
    checkpoint: Checkpoint | None
    parts: list[PartLine]
    certainty: str
    risks: list[str]
    aside: int
    total: int
    decisions_count: int

    @property
    def is_open(self) -> bool:
        """Whether any of them can be taken."""
        return any(not way.reason for way in self.ways)

    @property
    def reason(self) -> str:
        """Why none can."""
        return "" if self.is_open else self.ways[0].reason


def ways_of(
    session: ProcessingSession, checkpoint: Checkpoint | None = None, chosen: str | None = None
) -> Ways:
    """Look at the source and say what each way back would keep and make again.

    The state is named before the numbers are read, so that whatever moves meanwhile makes the answer stale.
    """
    state = state_of(session)
    options = prepare_recovery_options(session, checkpoint)
    first = _recommended(options)
    shown = next((o for o in options if o.option == chosen and o.available), first)
    fresh = next(o for o in options if o.option == RecoveryOption.FRESH_START)
    return Ways(
        session=session,
        state=state,
        ways=[_way(session, option, checkpoint, shown) for option in options],
        checkpoint=checkpoint,
        parts=[_part_line(part) for part in first.confidence_parts],
        certainty=percent(first.confidence),
        risks=_risks(first),
        aside=fresh.redo,
        total=total_of(session),
        decisions_count=decisions_count(session),
    )


def decisions_count(session: ProcessingSession) -> int:
    """Count the photos that a person has decided on."""
    return Override.objects.filter(session=session).exclude(new="").values("position").distinct().count()


def safety(confidence: float) -> str:
    """Say how safe a way back is: a word first, then the figure."""
    words = next((words for limit, words in SAFETIES if confidence >= limit), _("Not surely safe"))
    return f"{words}, {percent(confidence)}"


def _recommended(options: Sequence[Option]) -> Option:
    """Give the way that puts the least aside among those that can be taken."""
    return next((option for option in options if option.available), options[0])


def _way(session: ProcessingSession, option: Option, checkpoint: Checkpoint | None, shown: Option) -> Way:
    title, sentence = _words_of(session, option, checkpoint)
    total = max(option.keep + option.left, 1)
    is_fresh = option.option == RecoveryOption.FRESH_START
    says_safety = option.available and (not is_fresh or option.confidence < SAFE_MIN)
    return Way(
        option=option,
        title=title,
        sentence=sentence,
        safety=safety(option.confidence) if says_safety else "",
        is_sure=option.confidence >= SAFE_MIN,
        kept=_length(option.keep, total),
        again=_length(option.redo, total),
        rest=_length(option.left - option.redo, total),
        reason="" if option.available else option.risks[0],
        is_chosen=option is shown,
    )


def _length(part: int, whole: int) -> str:
    return f"{BAR_WIDTH * part / whole:.1f}"


def _words_of(session: ProcessingSession, option: Option, checkpoint: Checkpoint | None) -> tuple[str, str]:
    """Give the title and the sentence of a way back."""
    if option.option == RecoveryOption.FRESH_START:
        return _("Start fresh"), _all_again(option.redo)
    if option.option == RecoveryOption.RESTART_BATCH:
        return _restart_title(session), _restart_sentence(option)
    if checkpoint is not None:
        when = wording.instant(checkpoint.created_at)
        return _("Go back to the checkpoint of {when}").format(when=when), _made_since(option.redo)
    if not option.left and session.status != Status.COMPLETED:
        return _("Continue to the end"), _(
            "Every photo has its verdict; near-duplicates are left to compare."
        )
    title = _("Continue from photo {number}").format(number=wording.grouped(option.start_index + 1))
    return title, _changed_again(option.redo)


def _changed_again(redo: int) -> str:
    if not redo:
        return _("Nothing is lost and nothing is analyzed twice.")
    return ngettext(
        "{number} photo that has changed is analyzed again; all else is kept.",
        "{number} photos that have changed are analyzed again; all else is kept.",
        redo,
    ).format(number=wording.grouped(redo))


def _made_since(redo: int) -> str:
    return ngettext(
        "The {number} verdict made since is put aside and made again.",
        "The {number} verdicts made since are put aside and made again.",
        redo,
    ).format(number=wording.grouped(redo))


def _all_again(redo: int) -> str:
    return ngettext(
        "Puts the {number} verdict aside and analyzes everything again.",
        "Puts all {number} verdicts aside and analyzes everything again.",
        redo,
    ).format(number=wording.grouped(redo))


def _restart_title(session: ProcessingSession) -> str:
    opened = Batch.objects.with_open_results(session.pk).filter(kind=BatchKind.PHOTOS)
    numbers = list(opened.order_by("number").values_list("number", flat=True))
    if not numbers:
        return _("Restart the open batches")
    if len(numbers) == 1:
        return _("Restart batch {number}").format(number=wording.grouped(numbers[0]))
    return _("Restart the {count} open batches").format(count=wording.grouped(len(numbers)))


def _restart_sentence(option: Option) -> str:
    if not option.redo:
        return _("No open batch has verdicts; near-duplicates are compared again.")
    number = wording.grouped(option.start_index + 1)
    return _("Steps back to photo {number}, for when you doubt the last verdicts.").format(number=number)


def _part_line(part: Part) -> PartLine:
    leaves = 1 - part.weight * (1 - part.score)
    return PartLine(
        word=str(PARTS.get(part.name) or part.name.capitalize()),
        text=part.text,
        score=percent(part.score),
        weight=percent(part.weight),
        leaves=percent(leaves),
        length=f"{BAR_WIDTH * leaves:.1f}",
    )


def _risks(option: Option) -> list[str]:
    """Give what may go wrong; the obstacle of a closed way stands beside that way."""
    return list(option.risks if option.available else option.risks[1:])
