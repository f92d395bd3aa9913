"""From numbers to reasons."""

import pytest

from processing.analysis.records import Facts, Measured, PhotoRefused
from processing.analysis.verdict import ADOBE_STOCK, RULES, Reason, certain_refusal, judge, validate_rules

GOOD = {
    "focus": 0.5,
    "steadiness": 0.9,
    "noise": 0.5,
    "brightness": 120.0,
    "brightest": 240.0,
    "burnt": 0.0,
    "contrast": 0.9,
    "saturation": 40.0,
    "blockiness": 1.1,
    "jpeg_quality": 92.0,
}


def make_measured(*, damage: str = "", facts: dict[str, object] | None = None, **measures: float) -> Measured:
    """A good photo of 12 MP, but for what is named."""
    known = {
        "format": "JPEG",
        "width_px": 4000,
        "height_px": 3000,
        "bytes_count": 5_000_000,
        "color_space": "sRGB",
        **(facts or {}),
    }
    return Measured("0" * 64, Facts(**known), GOOD | measures, bytes(32), None, damage)


def test_photo_is_approved_when_no_rule_is_broken() -> None:
    judgement = judge(make_measured(), ADOBE_STOCK)

    assert (judgement.verdict, judgement.reasons) == ("approved", ())


@pytest.mark.parametrize(
    ("facts", "measures", "reason"),
    [
        ({"format": "PNG"}, {}, Reason("not_jpeg", None, None)),
        ({"color_space": "Adobe RGB"}, {}, Reason("colour_space", None, None)),
        ({"width_px": 2000, "height_px": 1999}, {}, Reason("too_small", 3.998, 4.0)),
        ({"width_px": 20000, "height_px": 5001}, {}, Reason("too_large", 100.02, 100.0)),
        ({"bytes_count": 45_000_001}, {}, Reason("file_too_big", 45_000_001.0, 45_000_000.0)),
        ({}, {"focus": 0.1}, Reason("out_of_focus", 0.1, 0.21)),
        ({}, {"focus": 0.1, "steadiness": 0.4}, Reason("motion_blur", 0.4, 0.66)),
        ({}, {"noise": 4.0}, Reason("noise", 4.0, 1.35)),
        ({}, {"jpeg_quality": 20.0}, Reason("compression_artifacts", 20.0, 45.0)),
        ({}, {"blockiness": 5.0}, Reason("compression_artifacts", 5.0, 3.0)),
        ({}, {"burnt": 0.2}, Reason("overexposed", 0.2, 0.014)),
        ({}, {"brightest": 90.0}, Reason("underexposed", 90.0, 145.0)),
        ({}, {"contrast": 0.2}, Reason("low_contrast", 0.2, 0.5)),
        ({}, {"saturation": 200.0}, Reason("oversaturated", 200.0, 130.0)),
    ],
)
def test_photo_is_rejected_with_one_reason_when_one_rule_is_broken(
    facts: dict[str, object], measures: dict[str, float], reason: Reason
) -> None:
    judgement = judge(make_measured(facts=facts, **measures), ADOBE_STOCK)

    assert (judgement.verdict, judgement.reasons) == ("rejected", (reason,))


@pytest.mark.parametrize(
    ("facts", "measures"),
    [
        ({"width_px": 2000, "height_px": 2000}, {}),
        ({"width_px": 20000, "height_px": 5000}, {}),
        ({"bytes_count": 45_000_000}, {}),
        ({}, {"focus": 0.21, "noise": 1.35, "jpeg_quality": 45.0, "burnt": 0.014, "brightest": 145.0}),
    ],
)
def test_photo_is_approved_when_it_just_meets_a_limit(
    facts: dict[str, object], measures: dict[str, float]
) -> None:
    assert judge(make_measured(facts=facts, **measures), ADOBE_STOCK).verdict == "approved"


def test_reasons_are_all_listed_in_the_order_of_the_rules() -> None:
    measured = make_measured(
        damage="cut", facts={"format": "PNG"}, noise=9.0, focus=0.1, jpeg_quality=10.0, blockiness=9.0
    )

    codes = [reason.code for reason in judge(measured, ADOBE_STOCK).reasons]

    assert codes == ["truncated", "not_jpeg", "out_of_focus", "noise", "compression_artifacts"]


def test_moved_photo_is_approved_when_it_is_sharp_enough() -> None:
    assert judge(make_measured(steadiness=0.3), ADOBE_STOCK).verdict == "approved"


def test_moved_photo_is_approved_when_the_preset_has_no_rule_for_focus() -> None:
    rules = {key: value for key, value in ADOBE_STOCK.items() if key != "focus_min"}

    assert judge(make_measured(focus=0.1, steadiness=0.3), rules).verdict == "approved"


def test_rule_is_not_applied_when_the_preset_leaves_it_out() -> None:
    assert judge(make_measured(noise=50.0), {"formats": ["JPEG"]}).verdict == "approved"


def test_rule_is_not_applied_when_the_photo_has_no_such_measure() -> None:
    measured = make_measured(facts={"format": "PNG"})
    del measured.measures["jpeg_quality"]

    assert [reason.code for reason in judge(measured, ADOBE_STOCK).reasons] == ["not_jpeg"]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("unreadable", "unreadable"),
        ("truncated", "unreadable"),
        ("too_large", "rejected"),
        ("file_too_big", "rejected"),
    ],
)
def test_refused_photo_has_the_refusal_as_its_only_reason(code: str, verdict: str) -> None:
    measured = Measured("0" * 64, None, {}, b"", PhotoRefused(code, 2.0, 1.0, "text"))

    judgement = judge(measured, ADOBE_STOCK)

    assert (judgement.verdict, judgement.reasons) == (verdict, (Reason(code, 2.0, 1.0),))


def test_shipped_preset_has_a_valid_value_for_every_rule() -> None:
    validate_rules(ADOBE_STOCK)

    assert list(ADOBE_STOCK) == [rule.key for rule in RULES]


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"focus": 1}, "Rule 'focus' is not known"),
        ({"focus_min": "sharp"}, "Rule 'focus_min' cannot be 'sharp': it is a number"),
        ({"focus_min": True}, "Rule 'focus_min' cannot be True: it is a number"),
        ({"focus_min": 2}, "Rule 'focus_min' cannot be 2: it lies between 0 and 1"),
        ({"noise_max": -1}, "Rule 'noise_max' cannot be -1: it lies between 0 and 255"),
        ({"noise_max": float("nan")}, "Rule 'noise_max' cannot be nan: it lies between"),
        ({"formats": "JPEG"}, "Rule 'formats' cannot be 'JPEG': it is a list"),
        ({"formats": []}, "it is a list of at least one word"),
        ({"formats": [1]}, "it is a list of at least one word"),
    ],
)
def test_rules_are_refused_with_a_sentence(rules: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match="Rule ") as refused:
        validate_rules(rules)

    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("name", "formats", "code"),
    [
        ("a.heic", ["JPEG"], "not_jpeg"),
        ("b/C.PNG", ["JPEG"], "not_jpeg"),
        ("a.jpg", ["JPEG"], None),
        ("a.jfif", ["JPEG"], None),
        ("a.png", ["JPEG", "PNG"], None),
    ],
)
def test_name_tells_a_certain_refusal(name: str, formats: list[str], code: str | None) -> None:
    assert certain_refusal(name, {"formats": formats}) == code


def test_name_tells_nothing_when_any_format_is_allowed() -> None:
    assert certain_refusal("a.png", {}) is None
