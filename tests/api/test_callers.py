"""Who may call: a valid token with the scope, or somebody signed in whose request comes from one of our pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from processing import tokens
from processing.models import ApiToken, ProcessingSession, Scope
from tests.api.asking import patch, post, script, showing, told
from tests.people import make_user, signed_in

pytestmark = pytest.mark.django_db
SESSIONS, DOCS, DESCRIPTION = "/api/v1/sessions", "/api/v1/docs", "/api/v1/openapi.json"


def test_token_speaks_for_its_person(ines: Client, session: ProcessingSession) -> None:
    (listed,) = ines.get(SESSIONS).json()["items"]

    assert listed["session"] == str(session.pk)


def test_token_speaks_for_its_person_whoever_is_signed_in(session: ProcessingSession) -> None:
    client = signed_in(make_user("other"))
    _token, text = tokens.make(session.owner, [Scope.READ])

    answered = client.get(SESSIONS, headers={"Authorization": f"bearer {text}"})

    assert [one["session"] for one in answered.json()["items"]] == [str(session.pk)]


def test_token_is_not_worth_more_because_somebody_is_signed_in(session: ProcessingSession) -> None:
    client = signed_in(session.owner)

    answered = client.get(SESSIONS, headers={"Authorization": "Bearer sp_no_such"})

    told(answered, 401, "unauthorized")


def texts_worth_nothing(owner: User) -> dict[str, str]:
    """Give texts that look like tokens, by what is wrong with them."""
    token, text = tokens.make(owner, list(Scope))
    _expired, expired = tokens.make(owner, list(Scope), expires_at=timezone.now() - timedelta(seconds=1))
    revoked_token, revoked = tokens.make(owner, list(Scope))
    tokens.revoke(revoked_token)
    return {
        "empty": "",
        "other secret": f"sp_{token.pk}_{'x' * 43}",
        "no secret": f"sp_{token.pk}",
        "other prefix": text.replace("sp_", "st_"),
        "other id": f"sp_{'0' * 12}_{text.rpartition('_')[2]}",
        "cut": text[:-1],
        "longer": text + "x",
        "no text": "ü\ud800",
        "nul": f"sp_{chr(0) * 12}_x",
        "expired": expired,
        "revoked": revoked,
    }


def test_token_that_is_none_or_no_more_finds_nobody(owner: User) -> None:
    found = {name: tokens.find(text) for name, text in texts_worth_nothing(owner).items()}

    assert found == dict.fromkeys(found)


@pytest.mark.parametrize("what", ["empty", "other secret", "cut", "expired", "revoked"])
def test_request_with_a_token_that_is_worth_nothing_is_refused(owner: User, what: str) -> None:
    answered = showing(texts_worth_nothing(owner)[what]).get(SESSIONS)

    told(answered, 401, "unauthorized")
    assert answered.headers["WWW-Authenticate"] == 'Bearer realm="stockproof"'


@pytest.mark.parametrize("shown", ["Basic aW5lczp4", "Token sp_x", "Bearer", "sp_x"])
def test_other_ways_of_showing_who_one_is_are_refused(db: None, shown: str) -> None:
    told(Client(headers={"Authorization": shown}).get(SESSIONS), 401, "unauthorized")


def test_token_is_worth_nothing_once_its_person_may_not_sign_in(ines: Client, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)

    told(ines.get(SESSIONS), 401, "unauthorized")


def test_token_goes_with_its_person(ines: Client, owner: User) -> None:
    owner.delete()

    told(ines.get(SESSIONS), 401, "unauthorized")


def test_token_is_kept_as_a_hash_only(owner: User) -> None:
    _token, text = tokens.make(owner, [Scope.READ])

    (kept,) = ApiToken.objects.values()

    assert text.rpartition("_")[2] not in str(kept)
    assert kept["digest"] == tokens.digest_of(text)


def test_use_of_a_token_is_noted_once_a_minute(owner: User) -> None:
    token, text = tokens.make(owner, [Scope.READ])
    showing(text).get(SESSIONS)
    token.refresh_from_db()
    first = token.last_used_at
    showing(text).get(SESSIONS)
    token.refresh_from_db()
    second = token.last_used_at
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    showing(text).get(SESSIONS)
    token.refresh_from_db()

    assert first is not None
    assert second == first
    assert token.last_used_at > first


def test_token_is_revoked_once(owner: User) -> None:
    token, _text = tokens.make(owner, [Scope.READ])

    assert [tokens.revoke(token), tokens.revoke(token)] == [True, False]


@pytest.mark.parametrize("scope", list(Scope))
def test_token_is_good_for_its_scope_and_no_other(session: ProcessingSession, scope: Scope) -> None:
    client, place = script(session.owner, scope), f"{SESSIONS}/{session.pk}"
    answers = {
        Scope.READ: client.get(place),
        Scope.RUN: patch(client, place, {"name": "Winter"}),
        Scope.RECOVER: post(client, f"/api/recovery/sessions/{session.pk}/checkpoint"),
        Scope.ADMIN: client.get("/api/v1/audit"),
    }

    refused = {one for one, answer in answers.items() if answer.status_code == 403}
    detail = told(answers[next(iter(refused))], 403, "forbidden")["detail"]
    assert refused == set(Scope) - {scope}
    assert detail.startswith("The token has no scope ")


def test_signed_in_person_may_look(session: ProcessingSession) -> None:
    assert len(signed_in(session.owner).get(SESSIONS).json()["items"]) == 1


def in_browser(session: ProcessingSession) -> tuple[Client, str]:
    """Give the owner's browser, which knows the sign of our pages, and the sign."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(session.owner)
    client.get("/settings/")
    return client, client.cookies["csrftoken"].value


def test_signed_in_person_acts_with_the_sign_of_our_pages(session: ProcessingSession) -> None:
    client, sign = in_browser(session)

    answered = post(client, f"{SESSIONS}/{session.pk}/pause", headers={"X-CSRFToken": sign})

    assert answered.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-CSRFToken": "x" * 64}, {"Idempotency-Key": "k"}])
def test_signed_in_person_does_not_act_without_the_sign(
    session: ProcessingSession, headers: dict[str, str]
) -> None:
    client, _sign = in_browser(session)

    answered: Any = post(client, f"{SESSIONS}/{session.pk}/pause", headers=headers)

    session.refresh_from_db()
    told(answered, 403, "forbidden")
    assert session.status == "running"


def test_script_acts_without_that_sign(session: ProcessingSession) -> None:
    client = script(session.owner, Scope.RUN, enforce_csrf_checks=True)

    assert post(client, f"{SESSIONS}/{session.pk}/pause").status_code == 200


@pytest.mark.parametrize("path", [SESSIONS, DOCS, DESCRIPTION])
def test_stranger_learns_nothing(db: None, path: str) -> None:
    told(Client().get(path), 401, "unauthorized")
