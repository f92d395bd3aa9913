"""The page of a new session: it counts, it checks, it begins; what is wrong stands at its field."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings

from processing.creation import Wish
from processing.models import Batch, ProcessingSession
from processing.starting import require_alone
from processing.states import BatchKind
from recovery.models import AuditEntry
from tests.factories import make_session
from tests.folders import new_source, put
from tests.people import make_user, signed_in
from tests.racing import overlap

pytestmark = pytest.mark.django_db
NEW = "/sessions/new/"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with two photos."""
    folder = new_source(tmp_path)
    put(folder, "a.jpg", "b.png", data=b"12345")
    return folder


def asked(folder: object, **changes: Any) -> dict[str, Any]:
    """What the form sends."""
    return {
        "source": str(folder),
        "recursive": "on",
        "name": "Autumn",
        "preset": "Adobe Stock",
        "checkpoint_interval": "7",
        "batch_size": "21",
    } | changes


def test_form_begins_a_session_of_the_person_who_sent_it(ines: Client, source: Path) -> None:
    response = ines.post(NEW, asked(source))

    session = ProcessingSession.objects.get()
    assert response.headers["Location"] == f"/sessions/{session.pk}/"
    assert (session.name, session.source, session.owner.username) == ("Autumn", str(source), "ines")
    assert (session.checkpoint_interval, session.batch_size, session.recursive) == (7, 21, True)
    assert [batch.kind for batch in Batch.objects.filter(session=session)] == [BatchKind.SCAN]


@pytest.mark.django_db(transaction=True)
def test_second_of_two_that_begin_at_once_is_refused(source: Path) -> None:
    person = make_user("ines")
    client = signed_in(person)
    columns = Wish(source=bytes(source), owner=person).columns()

    def begin() -> None:
        require_alone(person, bytes(source))
        ProcessingSession.start(**columns)

    response = overlap(begin, lambda: client.post(NEW, asked(source)))

    assert response.status_code in (400, 409)
    assert "This folder has a session that is not finished" in response.content.decode()
    assert ProcessingSession.objects.count() == 1


def test_session_is_called_as_its_folder_when_no_name_was_given(ines: Client, source: Path) -> None:
    ines.post(NEW, asked(source, name=""))

    assert ProcessingSession.objects.get().name == "source"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("source", "", "Give the path of a folder"),
        ("source", "photos", "is not a whole path"),
        ("source", "/nowhere/at/all", "does not exist"),
        ("source", "/x\ny", "Leave out control characters"),
        ("source", "/x\0y", "Null characters are not allowed."),
        ("source", "/" + "x" * 5000, "at most 4096 characters"),
        ("name", "x" * 201, "at most 200 characters"),
        ("name", "a\tb", "Leave out control characters"),
        ("preset", "Nobody's", "There is no preset"),
        ("preset", "", "This field is required."),
        ("checkpoint_interval", "0", "Enter a whole number from 1 to 10,000; 10 suits most."),
        ("checkpoint_interval", "ten", "Enter a whole number from 1 to 10,000; 10 suits most."),
        ("checkpoint_interval", "9" * 400, "Enter a whole number from 1 to 10,000; 10 suits most."),
        ("batch_size", "", "Enter a whole number from 1 to 10,000; 50 suits most."),
        ("batch_size", "1.5", "Enter a whole number from 1 to 10,000; 50 suits most."),
        ("batch_size", "-3", "Enter a whole number from 1 to 10,000; 50 suits most."),
    ],
)
def test_form_says_at_the_field_what_is_wrong_and_begins_nothing(
    ines: Client, source: Path, field: str, value: str, sentence: str
) -> None:
    response = ines.post(NEW, asked(source, **{field: value}))

    assert response.status_code == 400
    assert sentence in " ".join(response.context["form"].errors[field])
    assert ProcessingSession.objects.count() == 0


def test_form_keeps_what_was_typed_when_something_else_is_wrong(ines: Client, source: Path) -> None:
    response = ines.post(NEW, asked(source, batch_size="none", name="My “best” <b>one</b>"))

    page = response.content.decode()
    assert "My “best” &lt;b&gt;one&lt;/b&gt;" in page
    assert str(source) in page


def test_form_says_that_the_folder_has_no_photo(ines: Client, tmp_path: Path) -> None:
    empty = new_source(tmp_path)
    put(empty, "note.txt")

    response = ines.post(NEW, asked(empty))

    assert "There is no photo in" in " ".join(response.context["form"].errors["source"])
    assert ProcessingSession.objects.count() == 0


def test_form_shows_the_unfinished_session_and_begins_another_only_when_asked(
    ines: Client, source: Path
) -> None:
    ines.post(NEW, asked(source))

    refused = ines.post(NEW, asked(source))
    again = ines.post(NEW, asked(source, beside="on"))

    assert refused.status_code == 400
    assert f"/sessions/{ProcessingSession.objects.earliest('created_at').pk}/" in refused.content.decode()
    assert again.status_code == 302
    assert ProcessingSession.objects.count() == 2


def test_form_says_nothing_of_the_session_that_somebody_else_has_of_the_folder(
    ines: Client, source: Path
) -> None:
    make_session(owner=make_user("other"), source=str(source), source_path=bytes(source))

    assert ines.post(NEW, asked(source)).status_code == 302


def test_page_is_refused_to_a_viewer_and_to_strangers(source: Path) -> None:
    viewer = make_user("viewer")
    viewer.groups.add(Group.objects.get(name="Viewer"))

    assert signed_in(viewer).get(NEW).status_code == 403
    assert signed_in(viewer).post(NEW, asked(source)).status_code == 403
    entry = AuditEntry.objects.get(action="session")
    assert (entry.actor, entry.outcome) == (
        "viewer",
        "refused: Your role may look at sessions, but not begin one.",
    )
    assert Client().get(NEW).status_code == 302
    assert ProcessingSession.objects.count() == 0


def test_count_is_a_part_for_the_page_and_a_page_without_script(ines: Client, source: Path) -> None:
    wanted = {"look": "1", "source": str(source), "recursive": "on", "preset": "Adobe Stock"}

    part = ines.post(NEW, wanted, headers={"HX-Request": "true"}).content.decode()
    page = ines.post(NEW, wanted).content.decode()

    for text in (part, page):
        assert '<dd id="counted">2</dd>' in text
        assert "can only be rejected by these rules" in text
    assert "<html" not in part
    assert str(source) in page
    assert ProcessingSession.objects.count() == 0


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"look": "1", "source": ""}, "Give the path of a folder first."),
        ({"look": "1", "source": "here"}, "is not a whole path"),
        ({"look": "1", "source": "/nowhere/at/all"}, "does not exist"),
        ({"look": "1", "source": "/a\nb"}, "Leave out control characters"),
        ({"kept": "made up"}, "The count so far cannot be taken up"),
        ({"kept": "x" * 30_000}, "at most 20000 characters"),
    ],
)
def test_count_says_what_is_wrong(ines: Client, wanted: dict[str, str], sentence: str) -> None:
    response = ines.post(NEW, wanted, headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert sentence in response.content.decode()


def test_nothing_may_be_read_beyond_loopback_until_somebody_says_what(ines: Client, source: Path) -> None:
    with override_settings(STOCKPROOF_SERVED="public", STOCKPROOF_SOURCE_ROOTS=[]):
        refused = ines.post(NEW, asked(source), secure=True)
    with override_settings(STOCKPROOF_SERVED="public", STOCKPROOF_SOURCE_ROOTS=[source.parent]):
        begun = ines.post(NEW, asked(source), secure=True)

    assert "No folder may be read yet" in " ".join(refused.context["form"].errors["source"])
    assert begun.status_code == 302


def test_form_refuses_a_folder_outside_the_roots(ines: Client, source: Path) -> None:
    with override_settings(STOCKPROOF_SOURCE_ROOTS=[source / "inside"]):
        response = ines.post(NEW, asked(source))

    assert "outside the folders that sessions may read" in " ".join(response.context["form"].errors["source"])
