"""`override ID POSITION`: a person's verdict on one photo, or on all that match."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from processing.management.arguments import add_session, plain_text
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import NotFound, WrongUsage
from processing.models import ProcessingSession
from processing.overriding import SAYABLE, Choice, Saying, count_chosen
from processing.states import Verdict
from recovery import overrides

POSITION_DIGITS_MAX = 18


def position(text: str) -> int:
    """Read a photo's position, counted from 0."""
    if not text.isascii() or not text.isdecimal() or len(text) > POSITION_DIGITS_MAX:
        raise ArgumentTypeError(f"{text!r} is not a photo's position, a whole number from 0 on")
    return int(text)


class Command(StockproofCommand):
    """Overrules the machine, and takes that back."""

    help = "Put photos under a person's verdict. The machine's verdict stays beside it."
    example = "override latest 17 --verdict approved --note 'the grain is wanted'"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the photos that are meant and what is said of them."""
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument(
            "position",
            nargs="?",
            type=position,
            metavar="POSITION",
            help="One photo, as `results` numbers it.",
        )
        parser.add_argument("--all", action="store_true", help="All photos that match.")
        parser.add_argument(
            "--verdict-is",
            choices=Verdict.values,
            default="",
            help="With --all: those that are decided so now, by a person or the machine.",
        )
        parser.add_argument(
            "--reason",
            type=plain_text,
            default="",
            metavar="CODE",
            help="With --all: those to which the machine gave this reason.",
        )
        said = parser.add_mutually_exclusive_group(required=True)
        said.add_argument("--verdict", choices=[one.value for one in SAYABLE], help="The person's verdict.")
        said.add_argument("--undo", action="store_true", help="Let the machine's verdict count again.")
        parser.add_argument(
            "--note", type=plain_text, default="", metavar="TEXT", help="Why, for the record."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, **options: Any) -> None:
        """Say it of one photo or of all that match."""
        _check(options)
        session = self.session_named(options["session"])
        saying = Saying(options["verdict"] or "", acting_person(), options["note"])
        photos = (
            self._say_to_all(session, saying, options)
            if options["all"]
            else _say(session, saying, options["position"])
        )
        if self.wants_json:
            self.emit("override", published(session, saying, options["position"], photos))
        else:
            self.say(_sentence(saying, photos))

    def _say_to_all(self, session: ProcessingSession, saying: Saying, options: dict[str, Any]) -> int:
        """Say how many are meant, ask, and go through them."""
        choice = Choice(options["verdict_is"], options["reason"], overridden=options["undo"])
        count = count_chosen(session, choice)
        if count:
            question = (
                "Withdraw the verdicts of persons on"
                if options["undo"]
                else f"Give the verdict {saying.verdict} to"
            )
            self.confirm(f"{question} {count} photos of session {session.pk}?", yes=options["yes"])
        return overrides.say_to_all(session, choice, saying).changed


def _check(options: dict[str, Any]) -> None:
    """Raise WrongUsage unless just one photo or all are meant."""
    if options["all"] == (options["position"] is not None):
        raise WrongUsage("Give the POSITION of one photo, or --all.")
    if not options["all"] and (options["verdict_is"] or options["reason"]):
        raise WrongUsage("--verdict-is and --reason choose among --all photos.")


def _say(session: ProcessingSession, saying: Saying, position: int) -> int:
    photos = overrides.say(session, position, saying).changed
    if not photos and not saying.verdict:
        raise NotFound(f"There is no verdict of a person on photo {position}.", session=session.pk)
    return photos


def published(
    session: ProcessingSession, saying: Saying, position: int | None, photos: int
) -> dict[str, Any]:
    """Give the published act: a null position means all that matched, a null verdict that it was withdrawn."""
    return {
        "session": str(session.pk),
        "position": position,
        "verdict": saying.verdict or None,
        "note": saying.note,
        "photos": photos,
    }


def _sentence(saying: Saying, photos: int) -> str:
    """Say what was done."""
    if not photos:
        return "Nothing had to change."
    noun = "1 photo" if photos == 1 else f"{photos} photos"
    return f"{noun}: {saying.verdict}." if saying.verdict else f"{noun}: the machine's verdict counts again."
