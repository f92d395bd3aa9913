"""Measures against a preset's rules: the verdict of one photo, with every reason in a fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from processing.analysis.records import Measured

Value = float | int | str | list[str]
Rules = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a preset: the reason it gives when a measure is on the wrong side of its limit.

    A rule with `instead_of` says more exactly what another rule found: it gives its reason only when that one is
    broken too, and then alone.
    """

    key: str
    code: str
    measure: str
    direction: Literal["min", "max", "one_of"]
    unit: str
    sentence: str
    highest: float = 1.0
    instead_of: str = ""


# The compare stage applies this one, when all photos are measured.
COMPARE_KEY = "similar_distance_max"
# In the order of the reasons of a photo.
RULES: tuple[Rule, ...] = (
    Rule("formats", "not_jpeg", "format", "one_of", "", "The file is of one of these formats."),
    Rule("color_spaces", "colour_space", "color_space", "one_of", "", "The color space is one of these."),
    Rule("min_megapixels", "too_small", "megapixels", "min", "MP", "The photo has at least this size.", 1000),
    Rule("max_megapixels", "too_large", "megapixels", "max", "MP", "The photo has at most this size.", 1000),
    Rule(
        "max_bytes", "file_too_big", "bytes_count", "max", "bytes", "The file has at most this size.", 10**10
    ),
    Rule("focus_min", "out_of_focus", "focus", "min", "", "The sharpest places are sharp at 100 %."),
    Rule(
        "steadiness_min",
        "motion_blur",
        "steadiness",
        "min",
        "",
        "What is not sharp is so in every direction; less than this and it moved.",
        instead_of="focus_min",
    ),
    Rule("noise_max", "noise", "noise", "max", "levels", "Even places are grained by at most this.", 255),
    Rule(
        "jpeg_quality_min",
        "compression_artifacts",
        "jpeg_quality",
        "min",
        "",
        "The file was saved with at least this JPEG quality.",
        100,
    ),
    Rule(
        "blockiness_max",
        "compression_artifacts",
        "blockiness",
        "max",
        "",
        "Steps between JPEG blocks stand out by at most this factor.",
        100,
    ),
    Rule(
        "burnt_max",
        "overexposed",
        "burnt",
        "max",
        "share",
        "What is burnt out exceeds what is only bright by at most this share.",
    ),
    Rule(
        "brightest_min",
        "underexposed",
        "brightest",
        "min",
        "levels",
        "The brightest parts reach this level.",
        255,
    ),
    Rule(
        "contrast_min",
        "low_contrast",
        "contrast",
        "min",
        "",
        "Dark and bright are this far apart (Michelson).",
    ),
    Rule(
        "saturation_max",
        "oversaturated",
        "saturation",
        "max",
        "levels",
        "Colors are at most this strong.",
        255,
    ),
    Rule(
        COMPARE_KEY,
        "similar",
        "distance",
        "max",
        "bits",
        "Photos whose fingerprints differ in at most this are the same picture.",
        256,
    ),
)
BY_KEY = {rule.key: rule for rule in RULES}
ADOBE_STOCK: dict[str, Value] = {
    "formats": ["JPEG"],
    "color_spaces": ["sRGB"],
    "min_megapixels": 4,
    "max_megapixels": 100,
    "max_bytes": 45_000_000,
    "focus_min": 0.21,
    "steadiness_min": 0.66,
    "noise_max": 1.35,
    "jpeg_quality_min": 45,
    "blockiness_max": 3,
    "burnt_max": 0.014,
    "brightest_min": 145,
    "contrast_min": 0.5,
    "saturation_max": 130,
    COMPARE_KEY: 36,
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
        raise ValueError(f"Rule {rule.key!r} cannot be {value!r}: it is a number.")  # noqa: TRY004 -- a wrong value to the person who typed it
    if not 0 <= value <= rule.highest:
        raise ValueError(f"Rule {rule.key!r} cannot be {value!r}: it lies between 0 and {rule.highest:g}.")


def judge(measured: Measured, rules: Rules) -> Judgement:
    """Judge one photo; a rule that the preset leaves out is not applied."""
    if measured.refusal is not None:
        refused = measured.refusal
        verdict = "unreadable" if refused.code in UNREADABLE else "rejected"
        return Judgement(verdict, (Reason(refused.code, refused.measured, refused.limit),))
    broken = _find_broken(rules, _known(measured))
    reasons = [Reason("truncated", None, None)] if measured.damage else []
    for rule, reason in broken.items():
        hidden = any(other.instead_of == rule for other in map(BY_KEY.__getitem__, broken))
        if not hidden and reason.code not in {earlier.code for earlier in reasons}:
            reasons.append(reason)
    return Judgement("rejected" if reasons else "approved", tuple(reasons))


def _known(measured: Measured) -> dict[str, float | str]:
    facts = measured.facts
    if facts is None:
        return dict(measured.measures)
    named = {"format": facts.format, "color_space": facts.color_space}
    return {
        **measured.measures,
        **named,
        "megapixels": facts.megapixels,
        "bytes_count": float(facts.bytes_count),
    }


def _find_broken(rules: Rules, known: Mapping[str, float | str]) -> dict[str, Reason]:
    """Every broken rule by its key, in the order of RULES; a measure that a photo does not have breaks none."""
    broken: dict[str, Reason] = {}
    for rule in RULES:
        if rule.key in rules and rule.measure in known and rule.instead_of in ("", *broken):
            reason = _apply(rule, rules[rule.key], known[rule.measure])
            if reason is not None:
                broken[rule.key] = reason
    return broken


def _apply(rule: Rule, limit: Value, value: float | str) -> Reason | None:
    if isinstance(limit, list):
        return None if value in limit else Reason(rule.code, None, None)
    bound, number = float(limit), float(value)
    broken = number < bound if rule.direction == "min" else number > bound
    return Reason(rule.code, number, bound) if broken else None


def certain_refusal(name: str, rules: Rules) -> str | None:
    """Name the reason that a file can only end with, by its name alone; None when it must be looked at."""
    formats = rules.get("formats")
    suffix = PurePosixPath(name).suffix.lower()
    if formats == ["JPEG"] and suffix in NOT_JPEG_SUFFIXES:
        return "not_jpeg"
    return None
