"""What was measured of a photo against its limits, as a gauge and a sentence for each check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from processing import wording
from processing.analysis.verdict import BY_KEY, COMPARE_KEY, RULES, Rule
from processing.models import ImageResult
from processing.published import reasons_of

LENGTH = 320.0
# Words that stand nearer to an end than this would cover those of the end.
ROOM = 92.0
EDGE = 44.0
MEGA = 1e6
BYTES_STEP = 1000
DIGITS = 3
# Measured over all of a photo's levels and colors: no place shows them better than another, so none is marked or cut.
WHOLE = frozenset(("low_contrast", "oversaturated"))


@dataclass(frozen=True, slots=True)
class Gauge:
    """Lengths of a scale of 320, ready for attributes; an empty text at an end would be covered by the limit's."""

    limit_x: str
    value_x: str
    refused_x: str
    refused_width: str
    words_x: str
    limit: str
    low: str
    top: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it is called, what was measured, and what it asks for; numeral is the mark on the photo."""

    code: str
    word: str
    value: str
    sentence: str
    spoken: str = ""
    gauge: Gauge | None = None
    numeral: int = 0

    @property
    def is_of_the_whole(self) -> bool:
        """Whether it is the photo as a whole that shows it, so that it has no mark and no crop."""
        return self.code in WHOLE


def broken_findings(row: ImageResult, rules: Mapping[str, Any], numerals: Mapping[str, int]) -> list[Finding]:
    """Give the machine's reasons, in their order."""
    found = []
    for reason in reasons_of(row, rules):
        code = str(reason["code"])
        rule = _rule_of(code, reason["limit"], rules)
        found.append(_finding(code, rule, reason["measured"], reason["limit"], numerals.get(code, 0)))
    return found


def passed_findings(row: ImageResult, rules: Mapping[str, Any], numerals: Mapping[str, int]) -> list[Finding]:
    """Give the checks that were made with a number and that the photo has passed, in the order of the rules."""
    known = known_measures(row)
    broken = set(row.reason_codes)
    return [
        _finding(rule.code, rule, known[rule.measure], float(rules[rule.key]), numerals.get(rule.code, 0))
        for rule in RULES
        if _is_number(rules.get(rule.key))
        and rule.measure in known
        and rule.code not in broken
        and not _is_refused(rule, known[rule.measure], float(rules[rule.key]))
    ]


def known_measures(row: ImageResult) -> dict[str, float]:
    """Give a photo's numbers by the names that rules use."""
    known = {name: float(value) for name, value in row.measures.items() if _is_number(value)}
    if known and row.width_px and row.height_px:
        known["megapixels"] = row.width_px * row.height_px / MEGA
        known["bytes_count"] = float(row.size_bytes)
    return known


def amount(value: float, unit: str) -> str:
    """Write a measure with its unit."""
    if unit == "bytes":
        return size(value)
    if unit == "share":
        return f"{number_format(_shortened(value * 100), use_l10n=True)}{wording.NO_BREAK}%"
    text = number_format(_shortened(value), use_l10n=True, force_grouping=True)
    return f"{text}{wording.NO_BREAK}{_(unit)}" if unit else text


def size(size_bytes: float) -> str:
    """Write a file's size in the unit that suits it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < BYTES_STEP or unit == "GB":
            break
        size_bytes /= BYTES_STEP
    number = wording.grouped(round(size_bytes)) if unit == "bytes" else wording.one_decimal(size_bytes)
    return f"{number}{wording.NO_BREAK}{_(unit)}"


def _shortened(value: float) -> float | int:
    digits = f"{value:.{DIGITS}g}"
    number = float(digits) if abs(value) < BYTES_STEP else round(value)
    return int(number) if number == int(number) else number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_refused(rule: Rule, value: float, limit: float) -> bool:
    return value < limit if rule.direction == "min" else value > limit


def _rule_of(code: str, limit: float | None, rules: Mapping[str, Any]) -> Rule | None:
    """Find the rule that gave a reason: two may give the same one, each with its own limit."""
    if code in ("similar", "duplicate"):
        return BY_KEY[COMPARE_KEY] if code == "similar" else None
    same = [rule for rule in RULES if rule.code == code]
    return next(
        (rule for rule in same if limit is not None and rules.get(rule.key) == limit), next(iter(same), None)
    )


def _finding(
    code: str, rule: Rule | None, measured: float | None, limit: float | None, numeral: int
) -> Finding:
    word = wording.reason_words(code)
    sentence = _(rule.sentence) if rule else ""
    if rule is None or measured is None or limit is None:
        return Finding(code, word, "", sentence, numeral=numeral)
    value, bound = amount(measured, rule.unit), amount(limit, rule.unit)
    asked = _("at least {limit} is asked for") if rule.direction == "min" else _("at most {limit} is allowed")
    spoken = _("{check}: {value}; {asked}").format(check=word, value=value, asked=asked.format(limit=bound))
    # Compare's scale runs the other way: what differs less than the limit is the same picture.
    is_min = (rule.direction == "min") != (rule.key == COMPARE_KEY)
    return Finding(code, word, value, sentence, spoken, _gauge(rule, measured, limit, is_min=is_min), numeral)


def _gauge(rule: Rule, value: float, limit: float, *, is_min: bool) -> Gauge:
    top = min(max(2 * limit, 1.15 * value), max(rule.highest, value)) or 1.0
    limit_x, value_x = LENGTH * limit / top, LENGTH * value / top
    start, width = (0.0, limit_x) if is_min else (limit_x, LENGTH - limit_x)
    words_x = min(max(limit_x, EDGE), LENGTH - EDGE)
    return Gauge(
        limit_x=f"{limit_x:.1f}",
        value_x=f"{min(max(value_x, 6.0), LENGTH - 6.0):.1f}",
        refused_x=f"{start:.1f}",
        refused_width=f"{width:.1f}",
        words_x=f"{words_x:.1f}",
        limit=_("limit {limit}").format(limit=amount(limit, rule.unit)),
        low="0" if words_x > ROOM - EDGE else "",
        top=amount(top, rule.unit) if words_x < LENGTH - ROOM else "",
    )
