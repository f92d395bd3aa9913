"""Every address, as everybody: who gets in where, and that nobody sees or changes what is another's."""

from collections.abc import Mapping

import pytest
from django.contrib.auth.models import Group, User
from django.db import models

from processing import tokens
from processing.models import (
    ApiToken,
    Batch,
    ImageResult,
    Override,
    Preset,
    ProcessingSession,
    Scope,
    SkippedEntry,
    Worker,
)
from recovery import audit
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from tests.factories import make_crash, make_worker
from tests.recovery.sound import sound_session
from tests.views import places, walking
from tests.views.admin_places import ADMINISTRATION, values_of_model
from tests.views.api_places import DESCRIPTIONS, OPERATIONS
from tests.views.walking import Address, addresses, ask, pages, send

pytestmark = pytest.mark.django_db
PAGES = places.SESSIONS | places.RECOVERY | places.ACCOUNTS
# A thousand requests, 20 s of a core: they ask nothing in which the databases differ.
SQLITE = pytest.mark.vendor("sqlite")
OURS = (
    ProcessingSession,
    Batch,
    ImageResult,
    Override,
    Checkpoint,
    Crash,
    RecoveryAttempt,
    Preset,
    User,
    Group,
)
Values = Mapping[str, Mapping[str, object]]


@pytest.fixture
def people() -> dict[str, User]:
    """Give somebody of each role."""
    return walking.make_people()


@pytest.fixture
def cookies(people: dict[str, User]) -> dict[str, str]:
    """Give what each one's browser keeps."""
    return walking.cookies_of(people)


@pytest.fixture
def rows(people: dict[str, User]) -> dict[type[models.Model], models.Model]:
    """Give a row of each kind, all of one session of the owner that has been through everything."""
    session = sound_session(owner=people["owner"], name="Autumn travel")
    made = {
        Worker: make_worker(),
        ApiToken: tokens.make(people["owner"], [Scope.READ])[0],
        SkippedEntry: SkippedEntry.objects.create(session=session, path=b"a", path_text="a", reason="link"),
        Override: Override.objects.create(
            session=session, position=0, content="a", old="approved", new="rejected"
        ),
        Crash: make_crash(worker=make_worker(), session=session),
        RecoveryAttempt: RecoveryAttempt.objects.create(session=session, number=1, option="continue"),
        AuditEntry: audit.record("pin", actor="owner", session=session.pk),
        Preset: Preset.objects.create(name="Spare", rules={"focus_min": 0.2}),
        User: User.objects.create_user("somebody"),
        Group: Group.objects.create(name="Interns"),
    }
    of_session = {
        model: model._default_manager.order_by("pk").first() for model in (Batch, ImageResult, Checkpoint)
    }
    return {ProcessingSession: session, **of_session, **made}


@pytest.fixture
def values(rows: dict[type[models.Model], models.Model]) -> Values:
    """Give what stands for the parameters of the addresses; under an empty name for those without their own."""
    common = {"session_id": rows[ProcessingSession].pk, "position": 0, "preset_id": rows[Preset].pk}
    common["token_id"] = rows[ApiToken].pk
    common |= {"checkpoint_id": rows[Checkpoint].pk, "file_format": "csv"}
    return {"": common} | values_of_model(rows)


def test_table_knows_every_address_and_no_other() -> None:
    found = [address.name for address in pages()]

    assert sorted(found) == sorted(PAGES | ADMINISTRATION)


def test_walk_finds_what_is_included_and_an_address_that_the_table_does_not_know() -> None:
    found = {address.name for address in pages()}

    assert {"healthz", "session-recovery", "admin:index", "admin:processing_batch_change"} <= found
    assert (
        Address("x", "a/<uuid:session_id>/<int:position>").path({"session_id": 7, "position": 0}) == "/a/7/0"
    )
    assert sorted(found | {"planted"}) != sorted(PAGES | ADMINISTRATION)
    assert {address.name for address in addresses()} - found == {
        f"api:{name}" for name in OPERATIONS | DESCRIPTIONS
    }


def test_walk_tells_an_answer_that_is_not_that_of_the_table(cookies: dict[str, str], values: Values) -> None:
    wrong = {"healthz": places.SESSION_PAGE}

    told = walking.surprises(wrong, values, cookies, "get")

    assert told[0] == "get healthz as anonymous: 200, not 302"
    assert len(told) == 1 + len(places.OTHERS)


@SQLITE
@pytest.mark.parametrize("method", ["get", "post"])
def test_page_answers_everybody_as_the_table_says(
    cookies: dict[str, str], values: Values, method: str
) -> None:
    assert walking.surprises(PAGES, values, cookies, method) == []


@SQLITE
@pytest.mark.parametrize("method", ["get", "post"])
def test_administration_answers_everybody_as_the_table_says(
    cookies: dict[str, str], values: Values, method: str
) -> None:
    assert walking.surprises(ADMINISTRATION, values, cookies, method) == []


def contents() -> dict[str, list[dict[str, object]]]:
    """Give all that the product's tables hold."""
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in OURS}


@SQLITE
def test_looking_changes_nothing(cookies: dict[str, str], values: Values) -> None:
    before = contents()

    for address in pages():
        send(cookies["superuser"], "get", address.path(values.get(address.name, values[""])), {})

    assert contents() == before


@SQLITE
def test_form_is_refused_everywhere_without_a_sign_that_it_is_ours(
    cookies: dict[str, str], values: Values
) -> None:
    answered = {}
    for address in pages():
        path = address.path(values.get(address.name, values[""]))
        answered[address.name] = ask(
            cookies["superuser"], "post", path, {}, enforce_csrf_checks=True
        ).status_code

    assert answered == dict.fromkeys(answered, 403)


def test_session_is_not_there_for_another_even_as_a_part(cookies: dict[str, str], values: Values) -> None:
    of_sessions = [address for address in pages() if "session_id" in address.route]
    headers = {"HX-Request": "true"}

    asked = {
        address.name: ask(cookies["stranger"], "get", address.path(values[""]), {}, headers=headers)
        for address in of_sessions
    }

    expected = {address.name: PAGES[address.name].get["stranger"] for address in of_sessions}
    assert {name: answer.status_code for name, answer in asked.items()} == expected
    assert all(b"Autumn travel" not in answer.content for answer in asked.values())
