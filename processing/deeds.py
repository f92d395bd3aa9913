"""An act as an address names it: signed, so that a page can say what was done and offer to take it back."""

from dataclasses import dataclass

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from processing import wording
from processing.models import ProcessingSession
from processing.overriding import Act
from processing.taking_back import Deed

UNDONE = "undone"


class DeedUnknown(Exception):
    """A name of an act is not one that this program has given, or not one of this session."""


@dataclass(frozen=True, slots=True)
class Done:
    """An act that has just been done: `verdict` is what was said, empty for a withdrawal, `undone` for an undo."""

    verdict: str
    by: str
    act: Act
    kept: int = 0

    @property
    def deed(self) -> Deed:
        """What can be taken back."""
        return Deed(self.verdict, self.by, self.act.first, self.act.last)

    @property
    def can_be_undone(self) -> bool:
        """Whether anything has changed that is not itself an undo."""
        return self.verdict != UNDONE and bool(self.act.changed)

    @property
    def sentence(self) -> str:
        """Say what was done."""
        if self.verdict == UNDONE:
            return self._undone
        if not self.act.changed:
            return _("Nothing had to change: that was said before.")
        texts = {
            "approved": ngettext("{n} photo approved.", "{n} photos approved.", self.act.changed),
            "rejected": ngettext("{n} photo rejected.", "{n} photos rejected.", self.act.changed),
        }
        withdrawn = ngettext(
            "The machine's verdict counts again for {n} photo.",
            "The machine's verdict counts again for {n} photos.",
            self.act.changed,
        )
        return texts.get(self.verdict, withdrawn).format(n=wording.grouped(self.act.changed))

    @property
    def _undone(self) -> str:
        changed = ngettext(
            "Undone: {n} photo stands as before.", "Undone: {n} photos stand as before.", self.act.changed
        ).format(n=wording.grouped(self.act.changed))
        if not self.kept:
            return changed
        left = ngettext(
            "{n} photo was left alone: something was said of it since, or it has no result now.",
            "{n} photos were left alone: something was said of them since, or they have no result now.",
            self.kept,
        ).format(n=wording.grouped(self.kept))
        return f"{changed} {left}"


def name_of(session: ProcessingSession, done: Done) -> str:
    """Name an act for an address."""
    values = [done.verdict, done.by, done.act.changed, done.act.first, done.act.last, done.kept]
    return signing.dumps(values, salt=_salt(session))


def named(session: ProcessingSession, name: str) -> Done:
    """Read the name of an act. Raises DeedUnknown."""
    try:
        verdict, by, changed, first, last, kept = signing.loads(name, salt=_salt(session))
    except signing.BadSignature as error:
        raise DeedUnknown(_("What is to be undone is not known here.")) from error
    return Done(verdict, by, Act(changed, first, last), kept)


def _salt(session: ProcessingSession) -> str:
    return f"act of {session.pk}"
