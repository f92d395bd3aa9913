"""The rules of a preset as fields for people: what each is called, in which unit, and how it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from processing.analysis.verdict import ADOBE_STOCK, RULES, Rule, Value

LABELS = {
    "formats": _("File formats"),
    "color_spaces": _("Color spaces"),
    "min_megapixels": _("Smallest photo"),
    "max_megapixels": _("Largest photo"),
    "max_bytes": _("Largest file"),
    "focus_min": _("Sharpness, at least"),
    "steadiness_min": _("Steadiness, at least"),
    "noise_max": _("Noise, at most"),
    "jpeg_quality_min": _("JPEG quality, at least"),
    "blockiness_max": _("JPEG blocks, at most"),
    "burnt_max": _("Burnt out, at most"),
    "brightest_min": _("Brightest parts, at least"),
    "contrast_min": _("Contrast, at least"),
    "saturation_max": _("Color strength, at most"),
    "similar_distance_max": _("Near-duplicates, at most"),
}
# What a rule's unit is called for people, and how much of it one of theirs is.
UNITS: dict[str, tuple[str | Promise, Decimal]] = {
    "": ("", Decimal(1)),
    "MP": ("MP", Decimal(1)),
    "bytes": ("MB", Decimal(1_000_000)),
    "share": ("%", Decimal("0.01")),
    "levels": (_("levels"), Decimal(1)),
    "bits": (_("bits"), Decimal(1)),
}


@dataclass(frozen=True, slots=True)
class RuleField:
    """One rule as a field; numbers in the unit that people read, words separated by commas."""

    rule: Rule

    @property
    def key(self) -> str:
        """Its name in the stored rules."""
        return self.rule.key

    @property
    def is_words(self) -> bool:
        """Whether it is a list of words."""
        return self.rule.direction == "one_of"

    @property
    def label(self) -> str:
        """What it is called, with its unit: Largest file (MB)."""
        unit = UNITS[self.rule.unit][0]
        return f"{LABELS[self.key]} ({unit})" if unit else str(LABELS[self.key])

    @property
    def highest(self) -> Decimal:
        """The largest number that it takes."""
        return Decimal(str(self.rule.highest)) / UNITS[self.rule.unit][1]

    @property
    def example(self) -> str:
        """A value that works: Adobe Stock's."""
        return self.shown(ADOBE_STOCK[self.key])

    @property
    def hint(self) -> str:
        """What it says, and what the shipped preset asks for."""
        sentence = gettext(self.rule.sentence)
        return gettext("{sentence} Adobe Stock: {example}.").format(sentence=sentence, example=self.example)

    @property
    def advice(self) -> str:
        """What to enter instead of a value that does not work."""
        texts = {"highest": _plain(self.highest), "example": self.example}
        return gettext("Enter a number from 0 to {highest}, such as {example}, or nothing.").format(**texts)

    def shown(self, value: Value) -> str:
        """Write a stored value as people type it."""
        if isinstance(value, list):
            return ", ".join(value)
        return _plain(Decimal(str(value)) / UNITS[self.rule.unit][1])

    def stored(self, typed: Any) -> Value:
        """Give the value to store for a text or a number that was typed."""
        if self.is_words:
            return [word.strip() for word in str(typed).split(",") if word.strip()]
        number = Decimal(typed) * UNITS[self.rule.unit][1]
        return int(number) if number == number.to_integral_value() else float(number)


FIELDS = tuple(RuleField(rule) for rule in RULES)


def shown_rules(rules: Mapping[str, Value]) -> dict[str, str]:
    """Write a preset's rules as people type them, by key; a rule that it leaves out is not there."""
    return {field.key: field.shown(rules[field.key]) for field in FIELDS if field.key in rules}


def stored_rules(typed: Mapping[str, Any]) -> dict[str, Value]:
    """Give the rules to store for what was typed, in the order of RULES; an empty field leaves its rule out."""
    return {
        field.key: field.stored(typed[field.key]) for field in FIELDS if typed[field.key] not in ("", None)
    }


def _plain(number: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
