"""What the page of a new session shows beside the form: rules in a line, the dry count, what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from processing import wording
from processing.analysis.verdict import RULES
from processing.counting import DryCount
from processing.models import Preset, ProcessingSession
from processing.sources import SourceGone, SourceRefused

FILE_RULES = ("formats", "color_spaces", "min_megapixels", "max_megapixels", "max_bytes")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class PresetChoice:
    """A preset with its rules in a line."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class FormatLine:
    """How many photos of one format there are, and whether the rules can only reject them."""

    name: str
    count: int
    is_doomed: bool


@dataclass(frozen=True, slots=True)
class CountPanel:
    """The dry count as the page shows it; a trouble is a sentence in its place."""

    count: DryCount | None = None
    formats: tuple[FormatLine, ...] = ()
    size: str = ""
    trouble: str = ""


def preset_choices() -> list[PresetChoice]:
    """List the presets by name."""
    return [PresetChoice(preset.name, summary_of(preset.rules)) for preset in Preset.objects.order_by("name")]


def summary_of(rules: Mapping[str, Any]) -> str:
    """Say a preset's rules in a line: what files must be, then what is looked at."""
    looked_at = [wording.reason_words(rule.code).lower() for rule in RULES if _is_looked_at(rule.key, rules)]
    return "; ".join(part for part in (_file_rules(rules), ", ".join(dict.fromkeys(looked_at))) if part)


def _is_looked_at(key: str, rules: Mapping[str, Any]) -> bool:
    return key in rules and key not in FILE_RULES


def _file_rules(rules: Mapping[str, Any]) -> str:
    words = [*rules.get("formats", []), *rules.get("color_spaces", [])]
    low, high = rules.get("min_megapixels"), rules.get("max_megapixels")
    if low is not None and high is not None:
        words.append(_("{low} to {high} MP").format(low=f"{low:g}", high=f"{high:g}"))
    elif low is not None:
        words.append(_("at least {low} MP").format(low=f"{low:g}"))
    elif high is not None:
        words.append(_("at most {high} MP").format(high=f"{high:g}"))
    if "max_bytes" in rules:
        words.append(_("at most {size}").format(size=wording.file_size(rules["max_bytes"])))
    return ", ".join(str(word) for word in words)


def count_on(count: DryCount, rules: Mapping[str, Any]) -> CountPanel:
    """Count a little further, and say what was found so far."""
    try:
        found = count.go_on()
    except (SourceGone, SourceRefused) as error:
        return CountPanel(trouble=str(error))
    doomed = found.doomed_formats(rules)
    lines = [FormatLine(name, number, name in doomed) for name, number in found.by_format.items()]
    return CountPanel(found, tuple(lines), wording.file_size(found.bytes_count))


def rules_named(name: str) -> dict[str, Any]:
    """Give the rules of a preset; none for a name that is not there."""
    preset = Preset.objects.filter(name=name).first()
    return dict(preset.rules) if preset else {}


def readable_roots() -> list[str]:
    """List the folders that sessions may read; none named means any."""
    return [str(root) for root in settings.STOCKPROOF_SOURCE_ROOTS]


class AnotherUnfinished(Exception):
    """A folder has an unfinished session by now, and nobody has said that another one is wanted beside it."""


def require_alone(owner: User, source: bytes) -> None:
    """Let one of a person's sessions begin at a time, in the caller's transaction. Raises AnotherUnfinished.

    Of two that begin at once, such as by a double click, the second is refused.
    test: test_second_of_two_that_begin_at_once_is_refused.
    """
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    if open_session_of(source, ProcessingSession.objects.visible_to(owner)) is not None:
        raise AnotherUnfinished


def open_session_of(source: bytes, visible: Any) -> ProcessingSession | None:
    """Give the newest unfinished session of a source among those that a person may see."""
    found: ProcessingSession | None = visible.unfinished().filter(source_path=source).newest_first().first()
    return found
