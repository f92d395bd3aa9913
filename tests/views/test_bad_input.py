"""Every field of every form gets bad values: each is answered by a sentence where it belongs, and changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.forms import BaseForm
from django.test.utils import CaptureQueriesContext

from processing import deeds
from processing.models import Preset, ProcessingSession
from processing.overriding import Saying
from recovery import overrides
from recovery.models import Checkpoint
from recovery.plans import state_of
from recovery.resume import execute_recovery
from tests.factories import make_session
from tests.folders import new_source, put
from tests.people import PASSWORD, make_user, signed_in, statements
from tests.recovery.sound import completed_session
from tests.recovery.views.scenes import interrupt, lying_session
from tests.views.admin_sheets import ADMIN_SHEETS, EDITED
from tests.views.bad_values import Request, Scene, Sheet
from tests.views.sayings import Sayings
from tests.views.sheets import SHEETS as PAGE_SHEETS
from tests.views.walking import addresses, send

pytestmark = pytest.mark.django_db
OURS = ("config", "processing", "recovery")
SHEETS = [*PAGE_SHEETS, *ADMIN_SHEETS]
WRITES = ("INSERT", "UPDATE", "DELETE")
# What a browser's own session keeps is no data.
NO_DATA = ("django_session",)
PAGES_OF_EDITED = ("add", "change")


def name_of(sheet: Sheet) -> str:
    """Give what a test is called by."""
    return f"{sheet.form.__name__}-{sheet.method}-{sheet.address.removeprefix('admin:')}"


EVERY_SHEET = pytest.mark.parametrize("sheet", SHEETS, ids=name_of)


@pytest.fixture
def cookies(db: None) -> dict[str, str]:
    """What her browser keeps, and that of nobody."""
    ines = make_user("ines", password=PASSWORD)
    ines.groups.add(Group.objects.get(name="Operator"))
    root = make_user("root", is_superuser=True, is_staff=True)
    return {"": "", **{one.username: signed_in(one).cookies["sessionid"].value for one in (ines, root)}}


def make_scene(kind: str, folder: Path) -> ProcessingSession:
    """Make her session, as the form is about it."""
    owner = Group.objects.get(name="Operator").user_set.get()
    if kind == "judged":
        return completed_session(owner=owner)
    session = lying_session(folder, owner=owner)
    if kind == "paused":
        session.pause()
    if kind in ("interrupted", "recovered"):
        interrupt(session)
    if kind == "recovered":
        execute_recovery(session, "continue", by="ines", address="")
    return session


@pytest.fixture
def scene(sheet: Sheet, cookies: dict[str, str], tmp_path: Path) -> Scene:
    """What the form is sent about."""
    preset, person = Preset.objects.create(name="Spare", rules={"focus_min": 0.2}), make_user("other")
    if sheet.scene == "none":
        rows = {"preset": preset, "user": person, "group": Group.objects.get(name="Viewer")}
        row = next((one for name, one in rows.items() if f"_{name}_" in sheet.address), preset)
        return Scene({"object_id": row.pk, "id": row.pk})
    session = make_scene(sheet.scene, tmp_path / "photos")
    folder = new_source(tmp_path)
    put(folder, "a.jpg")
    values: dict[str, object] = {"position": 1, "file_format": "csv", "folder": folder}
    if sheet.scene == "judged":
        act = overrides.say_to_some(session, [1], Saying("approved", "ines", ""), address="")
        values["act"] = deeds.name_of(session, deeds.Done("approved", "ines", act))
    session.refresh_from_db()
    values |= {"session_id": session.pk, "attempt": session.attempt, "state": state_of(session)}
    values["preset_id"] = preset.pk
    values["checkpoint_id"] = Checkpoint.objects.newest_first(session)[0].pk
    return Scene(values, str(make_session(owner=person, name="Theirs").pk))


def path_of(sheet: Sheet, scene: Scene) -> str:
    """Give the address to which a sheet is sent."""
    return next(one for one in addresses() if one.name == sheet.address).path(scene.values)


def ask(sheet: Sheet, scene: Scene, cookie: str, data: dict[str, str]) -> tuple[int, str, list[str]]:
    """Send a form; give the status, the page and what was written, which is then taken back."""
    before = transaction.savepoint()
    with CaptureQueriesContext(connection) as captured:
        typed, path = sheet.data(scene) | data, path_of(sheet, scene)
        if sheet.method == "get":
            path += "?" + urlencode(typed)
        response = send(cookie, sheet.method, path, typed)
    transaction.savepoint_rollback(before)
    harmless = (*NO_DATA, *sheet.leaves)
    written = [
        sql
        for sql in statements(captured)
        if sql.startswith(WRITES) and not any(name in sql for name in harmless)
    ]
    page = "" if response.streaming else response.content.decode()
    return response.status_code, page, written


def troubles(request: Request, status: int, page: str, written: list[str]) -> Iterator[str]:
    """Say what is wrong with the answer to bad values."""
    if status != request.status:
        yield f"{request.name}: {status}, not {request.status}"
    elif written:
        yield f"{request.name}: wrote {written[0][:80]}"
    elif request.says not in page:
        yield f"{request.name}: does not say “{request.says}”"
    else:
        said = Sayings(page)
        yield from (
            f"{request.name}: nothing beside {name}" for name in request.beside if not said.error_of(name)
        )


@pytest.mark.vendor("sqlite")
@EVERY_SHEET
def test_bad_value_is_refused_beside_its_field_and_changes_nothing(
    sheet: Sheet, scene: Scene, cookies: dict[str, str]
) -> None:
    found = []
    for request in sheet.refused(scene):
        found += troubles(request, *ask(sheet, scene, cookies[sheet.person], request.data))

    assert found == []


@EVERY_SHEET
def test_form_is_taken_when_its_odd_values_harm_nothing(
    sheet: Sheet, scene: Scene, cookies: dict[str, str]
) -> None:
    answers = {one.name: ask(sheet, scene, cookies[sheet.person], one.data)[0] for one in sheet.taken(scene)}
    answers["right"] = ask(sheet, scene, cookies[sheet.person], {})[0]

    assert {name: status for name, status in answers.items() if status >= 400} == {}


def forms_of(base: type[BaseForm]) -> Iterator[type[BaseForm]]:
    """List the forms of the product."""
    for one in base.__subclasses__():
        if one.__module__.split(".")[0] in OURS:
            yield one
        yield from forms_of(one)


def test_sheets_know_every_form_and_every_field() -> None:
    known = {sheet.form for sheet in SHEETS}

    assert {one.__qualname__ for one in set(forms_of(BaseForm)) - known} == set()
    assert {
        name_of(sheet): missing
        for sheet in SHEETS
        if (
            missing := sheet.form.base_fields.keys()
            - {name.rstrip("_01") for name in sheet.fields}
            - sheet.fields.keys()
        )
    } == {}


def test_sheets_know_every_page_on_which_the_administration_changes_rows() -> None:
    pages = {
        f"admin:{one._meta.label_lower.replace('.', '_')}_{page}"
        for one in EDITED
        for page in PAGES_OF_EDITED
    }

    assert {sheet.address for sheet in ADMIN_SHEETS} >= pages
