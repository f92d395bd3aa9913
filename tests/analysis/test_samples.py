"""The demo's photos end as they were planned."""

from pathlib import Path

import pytest

from processing.analysis import samples
from processing.analysis.fingerprint import Candidate, compare
from processing.analysis.pipeline import Pipeline
from processing.analysis.verdict import ADOBE_STOCK, judge


def test_plan_is_the_same_each_time_and_holds_every_fault() -> None:
    planned = samples.plan(60)

    assert planned == samples.plan(60)
    assert {one.fault for one in planned} == set(samples.FAULTS)
    assert len({one.name for one in planned}) == 60
    assert sum(one.verdict == "approved" for one in planned) == 45


@pytest.mark.parametrize("seed", [7, 8])
def test_samples_get_their_planned_verdicts_after_comparing(
    tmp_path: Path, pipeline: Pipeline, seed: int
) -> None:
    planned = samples.plan(60, seed)
    chosen = [one for number, one in enumerate(planned) if number % 4 > 1]

    for one in chosen:
        samples.draw(tmp_path, one)

    prepared = [pipeline.prepare((tmp_path / one.name).read_bytes()) for one in chosen]
    found = settle(prepared, pipeline)
    assert found == [(one.verdict, one.reasons) for one in chosen]


def settle(prepared: list, pipeline: Pipeline) -> list[tuple[str, tuple[str, ...]]]:
    """Verdict and reasons of each photo once all are compared."""
    measured = pipeline.measure(prepared)
    judged = [judge(one, ADOBE_STOCK) for one in measured]
    candidates = [
        Candidate(
            number,
            one.sha256,
            one.fingerprint,
            judgement.verdict == "approved",
            one.measures.get("focus", 0.0),
        )
        for number, (one, judgement) in enumerate(zip(measured, judged, strict=True))
    ]
    related = {one.position: one.code for one in compare(candidates, 36) if one.code}
    return [
        ("rejected", (related[number],))
        if number in related
        else (one.verdict, tuple(r.code for r in one.reasons))
        for number, one in enumerate(judged)
    ]


def test_folder_holds_the_planned_photos_when_all_are_drawn(tmp_path: Path) -> None:
    planned = samples.draw_samples(tmp_path, count=4)

    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name for one in planned]
    assert (tmp_path / planned[0].name).read_bytes() == samples.make_photo(planned[0].seed)


def test_copy_has_the_bytes_of_the_photo_before_it() -> None:
    planned = samples.plan(60)
    place = next(number for number, one in enumerate(planned) if one.fault == "copy")

    assert samples.make_photo(planned[place].seed, "copy") == samples.make_photo(planned[place - 1].seed)
