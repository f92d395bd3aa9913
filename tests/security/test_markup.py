"""Names and metadata with markup: every page, list of the administration and answer of REST shows them as text."""

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models, transaction
from django.test import Client

from processing.models import (
    ApiToken,
    ImageResult,
    Override,
    Preset,
    ProcessingSession,
    SkippedEntry,
    Worker,
)
from recovery import audit
from recovery.models import Checkpoint, Crash, RecoveryAttempt
from tests.people import make_user, signed_in
from tests.views.api_places import OPERATIONS
from tests.views.test_walk import cookies, people, rows, values
from tests.views.walking import addresses

__all__ = ["cookies", "people", "rows", "values"]
pytestmark = [pytest.mark.django_db, pytest.mark.vendor("sqlite")]
PLAIN = "harmless"
# Each would be an element or an attribute of its own in the place that forgets to escape.
HOSTILE = (
    "'\"><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title></textarea></script><svg/onload=alert(1)>",
    "\" autofocus onfocus=alert(1) x='",
    "javascript:alert(1)//{{ 7|add:7 }}{% debug %}<!--",
)
# So many of the pages show at least one of the texts; fewer would say that they are not said any more.
SHOWING_MIN = 30
# Every column whose words come from people, from disks or from other machines, and what takes them in for all.
COLUMNS: dict[type[models.Model], tuple[str, ...]] = {
    ProcessingSession: ("name", "source", "preset_name", "hold_by", "hold_why", "last_error"),
    ImageResult: ("path_text", "note"),
    SkippedEntry: ("path_text",),
    Override: ("by", "note"),
    Worker: ("host", "device", "boot_id"),
    Checkpoint: ("note",),
    Crash: ("photo",),
    RecoveryAttempt: ("by", "undone_by"),
    ApiToken: ("name",),
    User: ("first_name", "last_name", "email"),
}


class Skeleton(HTMLParser):
    """What a page is made of: its elements with the names of their attributes, in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, tuple(sorted(name for name, _value in attrs))))
        self.texts += [value or "" for _name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.texts.append(data)


def skeleton_of(page: str) -> Skeleton:
    """Read a page."""
    skeleton = Skeleton()
    skeleton.feed(page)
    skeleton.close()
    return skeleton


def say(text: str) -> None:
    """Put a text wherever one of another's may stand."""
    for model, columns in COLUMNS.items():
        lengths = {name: getattr(model._meta.get_field(name), "max_length", None) for name in columns}
        model._default_manager.update(**{name: text[:length] for name, length in lengths.items()})
    Preset.objects.filter(name="Spare").update(name=text)
    Worker.objects.update(telemetry={"photo": text, "model": text})
    Crash.objects.update(evidence=[text], facts={"error": text})
    with transaction.atomic():
        audit.record("session", actor=text, outcome=text, details={text: text, "name": [text]})


def pages_when_said(text: str, paths: list[str], client: Client) -> dict[str, Skeleton]:
    """Say a text everywhere, give every page as it then is, and take it back."""
    before = transaction.savepoint()
    say(text)
    answers = {path: client.get(path) for path in paths}
    transaction.savepoint_rollback(before)
    return {
        path: skeleton_of(answer.content.decode())
        for path, answer in answers.items()
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    }


def test_no_page_has_another_element_or_attribute_when_every_text_is_markup(
    values: Mapping[str, Mapping[str, object]],
) -> None:
    client = signed_in(make_user("somebody-else", is_superuser=True))
    pages = [one for one in addresses() if not one.name.startswith("api:") and "logout" not in one.name]
    paths = [one.path(values.get(one.name, values[""])) for one in pages]

    plain = pages_when_said(PLAIN, paths, client)
    hostile = pages_when_said(" ".join(HOSTILE), paths, client)

    assert plain.keys() == hostile.keys()
    strange = {path: different(plain[path], hostile[path]) for path in plain}
    assert {path: found for path, found in strange.items() if found} == {}
    showing = [path for path, page in hostile.items() if HOSTILE[0] in "".join(page.texts)]
    assert len(showing) > SHOWING_MIN


def different(plain: Skeleton, hostile: Skeleton) -> set[tuple[str, tuple[str, ...]]]:
    """Give the kinds of elements that only the second page has."""
    return {*hostile.elements} - {*plain.elements}


def test_element_of_a_planted_text_is_found() -> None:
    page = "<p title='{}'>{}</p>"

    escaped = different(skeleton_of(page.format("a", "b")), skeleton_of(page.format("&#39;", "&lt;b&gt;")))
    forgotten = [different(skeleton_of(page), skeleton_of(page.format(text, text))) for text in HOSTILE[:4]]

    assert escaped == set()
    assert all(forgotten)


def test_rest_gives_markup_as_the_text_that_it_is(
    people: dict[str, User], rows: dict[type[models.Model], Any]
) -> None:
    client, text = signed_in(people["owner"]), " ".join(HOSTILE)
    say(text)
    parameters = {"session_id": rows[ProcessingSession].pk, "position": 0}
    reading = {f"api:{name}" for name, one in OPERATIONS.items() if one.method == "get"}

    answers = {one.name: client.get(one.path(parameters)) for one in addresses() if one.name in reading}

    assert {answer.headers["Content-Type"].partition(";")[0] for answer in answers.values()} == {
        "application/json",
        # The checkpoints' notes are sealed, so what was said there is damage.
        "application/problem+json",
    }
    assert {answer.headers["X-Content-Type-Options"] for answer in answers.values()} == {"nosniff"}
    told = json.loads(answers["api:show_session"].content)
    assert (told["name"], told["source"]) == (text[:200], text)
