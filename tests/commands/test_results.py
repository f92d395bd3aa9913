"""The verdicts, photo by photo."""

import csv
import json

import pytest

from processing import published
from processing.models import ImageResult
from processing.states import Relation, Verdict
from tests.commands.running import run
from tests.factories import make_batch, make_result, make_session

pytestmark = pytest.mark.django_db

KEYS = [
    "type",
    "position",
    "path",
    "sha256",
    "bytes",
    "width_px",
    "height_px",
    "verdict",
    "reasons",
    "measures",
    "similar_group",
    "override",
]


def store(*rows: ImageResult) -> None:
    """Store results as a commit would."""
    ImageResult.objects.bulk_create(rows)


def test_results_print_the_whole_image_with_keys_in_order_when_it_was_rejected() -> None:
    batch = make_batch(session=make_session())
    row = make_result(
        batch=batch,
        position=0,
        verdict=Verdict.REJECTED,
        path=b"a/b.jpg",
        width_px=4000,
        height_px=3000,
        measures={"noise": 4.125, "contrast": 80.0, "focus": 0.1234},
        reasons=[
            {"limit": 4.0, "measured": 4.125, "code": "noise"},
            {"measured": None, "limit": None, "code": "not_jpeg"},
        ],
    )
    store(row)

    line = run("results", "latest").out

    assert line == (
        '{"type": "image", "position": 0, "path": "a/b.jpg", "sha256": "' + "0" * 64 + '", "bytes": 1000, '
        '"width_px": 4000, "height_px": 3000, "verdict": "rejected", "reasons": ['
        '{"code": "noise", "measured": 4.125, "limit": 4.0}, '
        '{"code": "not_jpeg", "measured": null, "limit": null}], '
        '"measures": {"contrast": 80.0, "focus": 0.1234, "noise": 4.125}, '
        '"similar_group": null, "override": null}\n'
    )


def test_results_print_null_for_what_is_not_known_when_a_photo_was_unreadable() -> None:
    batch = make_batch(session=make_session())
    store(make_result(batch=batch, position=0, verdict=Verdict.UNREADABLE, sha256="", reason="unreadable"))

    (image,) = run("results", "latest").objects

    assert list(image) == KEYS
    assert (image["sha256"], image["width_px"], image["height_px"]) == (None, None, None)
    assert image["verdict"] == "unreadable"


def test_results_spell_out_bytes_when_a_name_is_not_utf8() -> None:
    batch = make_batch(session=make_session())
    store(make_result(batch=batch, position=0, path="ä\u2028".encode() + b"\xff\xed\xa0\x80.jpg"))

    printed = run("results", "latest")

    assert printed.out.count("\n") == len(printed.out.splitlines()) == 1
    assert printed.objects[0]["path"] == "ä\u2028\\xff\\xed\\xa0\\x80.jpg"


@pytest.mark.parametrize(("relation", "distance"), [(Relation.SIMILAR, 7.0), (Relation.DUPLICATE, 0.0)])
def test_results_reject_what_compare_found_when_it_was_approved(relation: Relation, distance: float) -> None:
    batch = make_batch(session=make_session(preset={"similar_distance_max": 10}))
    store(
        make_result(
            batch=batch,
            position=1,
            relation=relation,
            distance=distance,
            similar_group=0,
            decision=Verdict.REJECTED,
        )
    )

    (image,) = run("results", "latest").objects

    assert (image["verdict"], image["similar_group"]) == ("rejected", 0)
    assert image["reasons"] == [{"code": relation.value, "measured": distance, "limit": 10}]


def test_results_keep_the_measured_reasons_alone_when_a_similar_photo_was_rejected_before() -> None:
    batch = make_batch(session=make_session(preset={"similar_distance_max": 10}))
    store(
        make_result(
            batch=batch,
            position=0,
            verdict=Verdict.REJECTED,
            reason="noise",
            relation=Relation.SIMILAR,
            distance=3.0,
            similar_group=0,
        )
    )

    (image,) = run("results", "latest").objects

    assert [reason["code"] for reason in image["reasons"]] == ["noise"]


def test_results_come_in_order_of_position_across_pages_when_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published, "PAGE_ROWS", 3)
    batch = make_batch(session=make_session(), photos_count=10)
    store(*(make_result(batch=batch, position=position) for position in reversed(range(10))))

    images = run("results", "latest").objects

    assert [image["position"] for image in images] == list(range(10))


def test_results_leave_out_what_a_recovery_put_aside_and_other_sessions() -> None:
    other = make_batch(session=make_session())
    batch = make_batch(session=make_session())
    store(
        make_result(batch=other, position=0),
        make_result(batch=batch, position=0, superseded_by=1, path=b"old.jpg"),
        make_result(batch=batch, position=0, path=b"new.jpg"),
    )

    images = run("results", str(batch.session_id)).objects

    assert [image["path"] for image in images] == ["new.jpg"]


def test_results_are_filtered_by_verdict_and_reason_when_asked() -> None:
    batch = make_batch(session=make_session())
    store(
        make_result(batch=batch, position=0),
        make_result(batch=batch, position=1, verdict=Verdict.REJECTED, reason="noise"),
        make_result(batch=batch, position=2, verdict=Verdict.REJECTED, reason="too_small"),
        make_result(batch=batch, position=3, relation=Relation.SIMILAR, decision=Verdict.REJECTED),
    )

    found = {
        arguments: [image["position"] for image in run("results", "latest", *arguments).objects]
        for arguments in (
            ("--verdict", "approved"),
            ("--verdict", "rejected"),
            ("--reason", "noise"),
            ("--reason", "similar"),
            ("--verdict", "approved", "--reason", "noise"),
        )
    }

    assert list(found.values()) == [[0], [1, 2, 3], [1], [3], []]


def test_results_have_a_header_and_no_formula_when_printed_as_csv() -> None:
    batch = make_batch(session=make_session())
    store(
        make_result(batch=batch, position=0, path=b'=HYPERLINK("x"),\n.jpg', measures={"b": 1.5, "a": 2.0}),
        make_result(
            batch=batch, position=1, path="\uff1d1.jpg".encode(), verdict=Verdict.REJECTED, reason="noise"
        ),
        make_result(batch=batch, position=2, path=b"plain.jpg", sha256=""),
    )

    rows = list(csv.DictReader(run("results", "latest", "--format", "csv").out.splitlines()))

    assert list(rows[0]) == KEYS[1:]
    assert [row["path"] for row in rows] == ['\'=HYPERLINK("x"),\\n.jpg', "'\uff1d1.jpg", "plain.jpg"]
    assert [row["sha256"] for row in rows] == ["0" * 64, "0" * 63 + "1", ""]
    assert rows[0]["measures"] == '{"a": 2.0, "b": 1.5}'
    assert json.loads(rows[1]["reasons"]) == [{"code": "noise", "measured": None, "limit": None}]


def test_results_print_the_csv_header_alone_when_there_is_no_photo_yet() -> None:
    make_session()

    printed = run("results", "latest", "--format", "csv")

    assert printed.out == ",".join(KEYS[1:]) + "\n"
