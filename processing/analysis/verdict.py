"""Measures against a preset's rules: the verdict of one photo, with every reason in a fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from processing.analysis.records import Facts, Measured

Value = float | int | str | list[str]
Rules = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a preset: which reason it gives when a measure is on the wrong side of its limit."""

    key: str
    code: str
    measure: str
    direction: Literal["min", "max", "one_of"]
    unit: str
    sentence: str
    lowest: float = 0.0
    highest: float = 1e9


RULES: tuple[Rule, ...] = (
    Rule("formats", "not_jpeg", "format", "one_of", "", "The file's format is one of these."),
    Rule("color_spaces", "colour_space", "color_space", "one_of", "", "The color space is one of these."),
    Rule(
        "min_megapixels", "too_small", "megapixels", "min", "MP", "The photo has at least this size.", 0, 1000
    ),
    Rule(
        "max_megapixels", "too_large", "megapixels", "max", "MP", "The photo has at most this size.", 0, 1000
    ),
    Rule("max_bytes", "file_too_big", "bytes_count", "max", "bytes", "The file is not bigger.", 0, 10**10),
    Rule("focus_min", "out_of_focus", "focus", "min", "", "The sharpest places are sharp at 100 %.", 0, 1),
    Rule(
        "noise_max", "noise", "noise", "max", "levels", "The noise in even places stays below this.", 0, 255
    ),
    Rule(
        "jpeg_quality_min",
        "compression_artifacts",
        "jpeg_quality",
        "min",
        "",
        "The JPEG quality is at least this.",
        0,
        100,
    ),
    Rule(
        "blockiness_max", "compression_artifacts", "blockiness", "max", "", "JPEG blocks do not show.", 1, 100
    ),
    Rule(
        "highlights_clipped_max",
        "overexposed",
        "highlights_clipped",
        "max",
        "share",
        "No more is burnt out.",
        0,
        1,
    ),
    Rule(
        "brightest_min",
        "underexposed",
        "brightest",
        "min",
        "levels",
        "The brightest parts reach this level.",
        0,
        255,
    ),
    Rule(
        "contrast_min",
        "low_contrast",
        "contrast",
        "min",
        "levels",
        "Dark and bright are this far apart.",
        0,
        255,
    ),
    Rule(
        "saturation_max",
        "oversaturated",
        "saturation",
        "max",
        "levels",
        "The mean color is not stronger.",
        0,
        255,
    ),
)
BY_KEY = {rule.key: rule for rule in RULES}
ADOBE_STOCK: dict[str, Value] = {
    "formats": ["JPEG"],
    "color_spaces": ["sRGB"],
    "min_megapixels": 4,
    "max_megapixels": 100,
    "max_bytes": 45_000_000,
    "focus_min": 0.12,
    "noise_max": 4.0,
    "jpeg_quality_min": 40,
    "blockiness_max": 1.5,
    "highlights_clipped_max": 0.25,
    "brightest_min": 150,
    "contrast_min": 90,
    "saturation_max": 150,
}
NOT_JPEG_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif"})
UNREADABLE = frozenset({"unreadable", "truncated"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a photo is refused: measured and limit in the rule's unit, None where there is no number."""

    code: str
    measured: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """approved, rejected or unreadable, with all reasons in the order of RULES."""

    verdict: str
    reasons: tuple[Reason, ...]


def validate_rules(rules: Mapping[str, object]) -> None:
    """Check a preset's rules. Raises ValueError with a sentence that names key, value and why."""
    for key, value in rules.items():
        rule = BY_KEY.get(key)
        if rule is None:
            raise ValueError(f"Rule {key!r} is not known. Known are: {', '.join(BY_KEY)}.")
        if rule.direction == "one_of":
            _validate_words(key, value)
        else:
            _validate_number(rule, value)


def _validate_words(key: str, value: object) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ValueError(f"Rule {key!r} cannot be {value!r}: it is a list of at least one word.")


def _validate_number(rule: Rule, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"Rule {rule.key!r} cannot be {value!r}: it is a number.")
    if not rule.lowest <= value <= rule.highest:
        raise ValueError(
            f"Rule {rule.key!r} cannot be {value!r}: it lies between {rule.lowest:g} and {rule.highest:g}."
        )


def judge(measured: Measured, rules: Rules) -> Judgement:
    """Judge one photo; a rule that the preset leaves out is not applied."""
    if measured.refusal is not None:
        refused = measured.refusal
        verdict = "unreadable" if refused.code in UNREADABLE else "rejected"
        return Judgement(verdict, (Reason(refused.code, refused.measured, refused.limit),))
    assert measured.facts is not None
    reasons = [Reason("truncated", None, None)] if measured.damage else []
    for rule in RULES:
        reason = (
            _apply(rule, rules[rule.key], measured.facts, measured.measures) if rule.key in rules else None
        )
        if reason is not None and reason.code not in {earlier.code for earlier in reasons}:
            reasons.append(reason)
    return Judgement("rejected" if reasons else "approved", tuple(reasons))


def _apply(rule: Rule, limit: Value, facts: Facts, measures: Mapping[str, float]) -> Reason | None:
    if isinstance(limit, list):
        return None if getattr(facts, rule.measure) in limit else Reason(rule.code, None, None)
    bound, value = (
        float(limit),
        float(facts.bytes_count if rule.measure == "bytes_count" else measures[rule.measure]),
    )
    broken = value < bound if rule.direction == "min" else value > bound
    return Reason(rule.code, value, bound) if broken else None


def certain_refusal(name: str, rules: Rules) -> str | None:
    """Name the reason that a file can only end with, by its name alone; None when it must be looked at."""
    formats = rules.get("formats")
    suffix = PurePosixPath(name).suffix.lower()
    if formats == ["JPEG"] and suffix in NOT_JPEG_SUFFIXES:
        return "not_jpeg"
    return None
