"""A request that is sent again with its key is answered again, and does nothing a second time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from processing import overriding
from processing.models import KeptAnswer, Override, Preset, ProcessingSession
from recovery.models import AuditEntry
from tests.api.asking import post, script, told
from tests.people import make_user
from tests.recovery.sound import sound_session

pytestmark = pytest.mark.django_db
KEY = "b5f7c9e0-one"
PRESETS = "/api/v1/presets"
PRESET = {"name": "Microstock", "rules": {"min_megapixels": 4}}


@pytest.fixture
def root(db: None) -> Client:
    """A script that may do everything."""
    return script(make_user("root", is_superuser=True))


def send(client: Client, path: str, body: object = None, key: str = KEY) -> Any:
    """Send a body with a key."""
    return post(client, path, body, headers={"Idempotency-Key": key})


def age(**since: float) -> None:
    """Make every kept answer as old as that."""
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(**since))


def test_repeated_request_is_answered_again_and_done_once(root: Client) -> None:
    first, second = send(root, PRESETS, PRESET), send(root, PRESETS, PRESET)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["Content-Type"] == second.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Preset.objects.filter(name="Microstock").count() == AuditEntry.objects.count() == 1


def test_address_of_what_was_made_is_given_again(ines: Client, tmp_path: Any) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    first, second = (send(ines, "/api/v1/sessions", {"source": str(tmp_path)}) for _ in range(2))

    session = ProcessingSession.objects.get()
    assert first.headers["Location"] == second.headers["Location"] == f"/api/v1/sessions/{session.pk}"


def test_request_without_a_key_is_done_as_often_as_it_is_sent(ines: Client, session: Any) -> None:
    path = f"/api/v1/sessions/{session.pk}/pause"

    answers = [post(ines, path).status_code for _ in range(2)]

    assert answers == [200, 409]
    assert not KeptAnswer.objects.exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [(PRESETS, PRESET | {"name": "Other"}), (PRESETS + "?x=1", PRESET), ("/api/v1/audit/verify", PRESET)],
    ids=["other body", "other query", "other address"],
)
def test_key_that_was_sent_with_another_request_is_refused(root: Client, path: str, body: object) -> None:
    send(root, PRESETS, PRESET)

    told(send(root, path, body), 422, "key_reused")

    assert Preset.objects.count() == 2


def test_key_whose_first_request_is_still_running_is_refused(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, inner = f"/api/v1/sessions/{session.pk}/overrides", []
    say_to_page = overriding.say_to_page

    def asked_again_meanwhile(*args: Any, **kwargs: Any) -> Any:
        inner.append(send(ines, path, {"verdict": "approved"}))
        return say_to_page(*args, **kwargs)

    monkeypatch.setattr(overriding, "say_to_page", asked_again_meanwhile)

    outer = send(ines, path, {"verdict": "approved"})

    told(inner[0], 409, "in_progress")
    assert (outer.status_code, len(inner)) == (200, 1)


def test_refusal_is_not_kept(root: Client) -> None:
    refused = send(root, PRESETS, PRESET | {"rules": {"unknown": 1}})

    assert (refused.status_code, KeptAnswer.objects.exists()) == (422, False)
    assert send(root, PRESETS, PRESET).status_code == 201


def test_failure_is_not_kept(
    ines: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise MemoryError

    path = f"/api/v1/sessions/{session.pk}/overrides"
    with monkeypatch.context() as patched:
        patched.setattr(overriding, "say_to_page", fail)
        failed = send(ines, path, {"verdict": "approved"})

    told(failed, 500, "unexpected")
    assert send(ines, path, {"verdict": "approved"}).json()["photos"] == 10


def test_answer_is_kept_for_a_day(root: Client) -> None:
    send(root, PRESETS, PRESET)
    age(hours=23.9)
    within = send(root, PRESETS, PRESET)
    age(hours=24.1)
    after = send(root, PRESETS, PRESET)

    assert within.status_code == 201
    told(after, 409, "refused")
    assert not KeptAnswer.objects.exists()


def test_key_of_a_web_process_that_died_is_free_after_a_while(root: Client) -> None:
    send(root, PRESETS, PRESET)
    Preset.objects.filter(name="Microstock").delete()
    KeptAnswer.objects.update(status=None)
    age(minutes=9)
    held = send(root, PRESETS, PRESET)
    age(minutes=11)

    told(held, 409, "in_progress")
    assert send(root, PRESETS, PRESET).status_code == 201


def test_same_key_of_another_caller_is_another_key(owner: User, root: Client) -> None:
    owner.is_superuser = True
    owner.save()

    answers = [
        send(client, PRESETS, PRESET | {"name": name})
        for client, name in ((root, "A"), (script(owner), "B"), (script(owner), "C"))
    ]

    assert [one.json()["name"] for one in answers] == ["A", "B", "C"]


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256, "a\tb"])
def test_key_that_is_none_is_refused(root: Client, key: str) -> None:
    told(send(root, PRESETS, PRESET, key), 422, "usage")

    assert Preset.objects.count() == 1


def test_key_of_a_stranger_is_not_kept(db: None) -> None:
    told(send(Client(), PRESETS, PRESET), 401, "unauthorized")

    assert not KeptAnswer.objects.exists()


def test_key_says_nothing_of_a_change_that_is_no_post(ines: Client, session: ProcessingSession) -> None:
    path, headers = f"/api/v1/sessions/{session.pk}", {"Idempotency-Key": KEY}

    for name in ("Winter", "Spring"):
        ines.patch(path, {"name": name}, content_type="application/json", headers=headers)

    session.refresh_from_db()
    assert session.name == "Spring"


def at_once(count: int, act: Callable[[], Any]) -> list[Any]:
    """Do something in some threads at the same moment, each with a connection of its own."""
    gate = threading.Barrier(count)

    def through_the_gate() -> Any:
        try:
            connection.ensure_connection()
            gate.wait(20)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return [future.result(60) for future in [threads.submit(through_the_gate) for _ in range(count)]]


@pytest.mark.django_db(transaction=True)
def test_requests_with_one_key_at_once_do_it_once() -> None:
    owner = make_user("ines")
    session = sound_session(owner=owner)
    client = script(owner)
    path = f"/api/v1/sessions/{session.pk}/overrides"

    answers = at_once(4, lambda: send(client, path, {"verdict": "approved"}))

    statuses = {one.status_code for one in answers}
    done = {one.content for one in answers if one.status_code == 200}
    assert statuses <= {200, 409}
    assert len(done) == 1
    assert b'"photos": 10' in next(iter(done))
    assert Override.objects.count() == 10
    assert AuditEntry.objects.count() == 1
