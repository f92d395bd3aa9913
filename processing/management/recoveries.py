"""Recoveries as commands print them."""

from collections.abc import Sequence
from uuid import UUID

from processing.management.base import StockproofCommand
from processing.management.failures import NotFound
from processing.models import ProcessingSession
from recovery.models import Checkpoint
from recovery.plans import Option
from recovery.published import recovery_of
from recovery.resume import Recovered

PREFIX_LENGTH_MIN = 4


def tell_recoveries(command: StockproofCommand, done: Sequence[tuple[ProcessingSession, Recovered]]) -> None:
    """Print what was recovered without a question."""
    for session, recovered in done:
        if command.wants_json:
            command.emit("recovery", recovery_of(session, recovered))
        else:
            command.say(f"{session.pk}: {recovered.message}")
    if not done:
        command.note("No interrupted session is surely safe to continue.")


def option_lines(option: Option) -> list[str]:
    """Say one way back in lines."""
    time_text = "an unknown time" if option.seconds is None else f"about {option.seconds:.0f} s"
    lines = [
        f"{option.option}: keeps {option.keep} verdicts, makes {option.redo} anew, leaves {option.left} photos "
        f"from photo {option.start_index + 1} on, {time_text}; confidence {option.confidence:.0%}"
        + ("" if option.available else " (not available)")
    ]
    lines += [f"  {part.name}: {part.text}" for part in option.confidence_parts if part.score < 1]
    return lines + [f"  risk: {risk}" for risk in option.risks]


def checkpoint_named(name: str) -> Checkpoint:
    """Find the checkpoint that a person means, by its id or a unique prefix of it. Raises NotFound."""
    digits = name.replace("-", "").lower()
    shown = name if len(name) <= 36 else f"{name[:36]}…"
    if not PREFIX_LENGTH_MIN <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        raise NotFound(
            f"{shown!r} is not a checkpoint's id.", hint="`checkpoints ID` lists those of a session."
        )
    span = (UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f")))
    found = list(Checkpoint.objects.filter(pk__range=span).order_by("pk")[:2])
    if len(found) != 1:
        many = "More than one checkpoint begins" if found else "No checkpoint begins"
        raise NotFound(f"{many} with {shown!r}.", hint="`checkpoints ID` lists those of a session.")
    return found[0]
