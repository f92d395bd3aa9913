"""Numbers, times and reasons in the words of the look."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from processing import wording
from processing.templatetags.look import figure, icon


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 day 1 h"),
        (180_000, "2 days 2 h"),
    ],
)
def test_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert wording.duration(seconds).replace(wording.NO_BREAK, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "5 s"), (42, "40 s"), (420, "7 min"), (7300, "2 h"), (200_000, "2 days")],
)
def test_forecast_has_one_unit(seconds: float, text: str) -> None:
    assert wording.forecast(seconds).replace(wording.NO_BREAK, " ") == text


def test_percent_is_never_rounded_up_to_all() -> None:
    assert wording.percent_of(99_999, 100_000) == f"99.9{wording.NO_BREAK}%"
    assert wording.percent_of(3, 3) == f"100{wording.NO_BREAK}%"


def test_numbers_have_separators() -> None:
    assert wording.grouped(31_870) == "31,870"
    assert wording.one_decimal(1234.56) == "1,234.6"


def test_instant_names_the_day_unless_it_is_today() -> None:
    now = timezone.now()
    years_ago = datetime(2020, 3, 7, 8, 9, tzinfo=UTC)

    assert wording.instant(now) == timezone.localtime(now).strftime("%H:%M:%S")
    assert wording.instant(years_ago) == "7 Mar 2020 08:09"
    assert len(wording.instant(now - timedelta(days=1)).split()) >= 3


def test_reason_that_is_not_known_is_shown_as_it_is() -> None:
    assert wording.reason_words("out_of_focus") == "Out of focus"
    assert wording.reason_words("dust_spots") == "Dust spots"


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.95, "almost certainly"), (0.85, "very likely"), (0.6, "likely"), (0.59, "unclear, perhaps")],
)
def test_certainty_is_a_word(probability: float, words: str) -> None:
    assert wording.certainty(probability) == words


def test_figure_writes_units_small() -> None:
    assert figure(wording.duration(252)) == "4 <small>min</small> 12 <small>s</small>"


def test_icon_is_decoration() -> None:
    assert icon("paused") == (
        '<svg class="icon" aria-hidden="true"><use href="/static/icons.svg#i-paused"/></svg>'
    )
