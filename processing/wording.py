"""Numbers, times, reasons and statuses as a photographer reads them."""

from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
NO_BREAK: Final = "\u00a0"

CERTAINTIES = ((0.95, _("almost certainly")), (0.85, _("very likely")), (0.60, _("likely")))
REASONS = {
    "not_jpeg": _("Not a JPEG"),
    "colour_space": _("Color space"),
    "too_small": _("Too small"),
    "too_large": _("Too large"),
    "file_too_big": _("File too big"),
    "unreadable": _("Unreadable"),
    "truncated": _("File ends too early"),
    "out_of_focus": _("Out of focus"),
    "motion_blur": _("Motion blur"),
    "noise": _("Noise"),
    "compression_artifacts": _("Compression artifacts"),
    "banding": _("Banding"),
    "overexposed": _("Overexposed"),
    "underexposed": _("Underexposed"),
    "low_contrast": _("Low contrast"),
    "oversaturated": _("Oversaturated"),
    "white_balance": _("White balance"),
    "chromatic_aberration": _("Chromatic aberration"),
    "oversharpened": _("Oversharpened"),
    "upsampled": _("Enlarged afterwards"),
    "similar": _("Near-duplicate"),
    "duplicate": _("Exact duplicate"),
    "missing_metadata": _("Metadata missing"),
    "quarantined": _("Put in quarantine"),
}


def reason_words(code: str) -> str:
    """Say a reason code in words; a code that is not known here is shown as it is."""
    return str(REASONS.get(code) or code.replace("_", " ").capitalize())


def grouped(number: int) -> str:
    """Write a whole number with separators: 31,870."""
    return number_format(number, use_l10n=True, force_grouping=True)


def one_decimal(number: float) -> str:
    """Write a rate or a share with at most one decimal: 38.4."""
    return number_format(round(number, 1), 1, use_l10n=True, force_grouping=True)


def file_size(bytes_count: float) -> str:
    """Write a size in the largest unit of thousands that keeps a whole number: 45 MB, 96.4 GB."""
    for unit, name in SIZES:
        if bytes_count >= unit:
            return f"{_short(bytes_count / unit)}{NO_BREAK}{name}"
    return f"{grouped(round(bytes_count))}{NO_BREAK}{gettext('bytes')}"


def _short(number: float) -> str:
    rounded = round(number, 1)
    return grouped(int(rounded)) if rounded == int(rounded) else one_decimal(rounded)


def percent_of(part: int, whole: int) -> str:
    """Write a share: 66.1 %. A part that is not the whole is never rounded up to it."""
    share = "100" if part >= whole else one_decimal(1000 * part // whole / 10)
    return f"{share}{NO_BREAK}%"


def instant(moment: datetime) -> str:
    """Write an instant: today as 07:56:02, earlier with the day, another year with the year."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return date_format(local, "H:i:s")
    return date_format(local, "j M H:i" if local.year == today.year else "j M Y H:i")


def duration(seconds: float) -> str:
    """Write a duration in two units at most: 4 min 12 s."""
    whole = max(round(seconds), 0)
    if whole < MINUTE_S:
        return _units((whole, gettext("s")))
    if whole < HOUR_S:
        return _units((whole // MINUTE_S, gettext("min")), (whole % MINUTE_S, gettext("s")))
    if whole < DAY_S:
        return _units((whole // HOUR_S, gettext("h")), (whole % HOUR_S // MINUTE_S, gettext("min")))
    days, hours = whole // DAY_S, whole % DAY_S // HOUR_S
    return _units((days, ngettext("day", "days", days)), (hours, gettext("h")))


def forecast(seconds: float) -> str:
    """Write a forecast in one unit: 7 min. The page says "about" before it."""
    if seconds < MINUTE_S:
        return _units((max(round(seconds / 5) * 5, 5), gettext("s")))
    if seconds < 2 * HOUR_S:
        return _units((round(seconds / MINUTE_S), gettext("min")))
    if seconds < 2 * DAY_S:
        return _units((round(seconds / HOUR_S), gettext("h")))
    return _units((round(seconds / DAY_S), gettext("days")))


def certainty(probability: float) -> str:
    """Say how sure something is: a word first, the figure only where it helps."""
    for limit, words in CERTAINTIES:
        if probability >= limit:
            return str(words)
    return gettext("unclear, perhaps")


def _units(*parts: tuple[int, str]) -> str:
    kept = [part for part in parts if part[0]] or list(parts[-1:])
    return " ".join(f"{grouped(number)}{NO_BREAK}{unit}" for number, unit in kept)
