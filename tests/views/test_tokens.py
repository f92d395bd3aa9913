"""One's own tokens on the page of settings: made, shown once, revoked; and what administrators see of others'."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing import tokens
from processing.models import ApiToken, Scope
from recovery.models import AuditEntry
from recovery.token_acts import TOKENS_PER_PERSON_MAX
from tests.people import make_user, signed_in

pytestmark = pytest.mark.django_db
WISH = {"name": "night script", "scopes": ["read", "run"], "expires": "30"}


def own_user() -> User:
    """Give the owner."""
    return User.objects.get(username="ines")


def test_token_is_shown_once_on_a_page_that_nothing_keeps(ines: Client) -> None:
    made = ines.post("/settings/tokens/", WISH)
    listed = ines.get("/settings/").content.decode()

    [text] = re.findall(r'value="(sp_[^"]+)" readonly', made.content.decode())
    token = tokens.find(text)
    assert token is not None
    assert (token.user, token.name, token.scopes) == (own_user(), "night script", ["read", "run"])
    assert "no-store" in made.headers["Cache-Control"]
    assert text not in listed
    assert "night script" in listed
    entry = AuditEntry.objects.get(action="token")
    assert (entry.actor, entry.address, entry.outcome) == ("ines", "127.0.0.1", "done")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["all"]},
        {"expires": "31"},
    ],
)
def test_wrong_wish_is_refused_beside_its_field_and_nothing_is_made(
    ines: Client, wrong: dict[str, object]
) -> None:
    response = ines.post("/settings/tokens/", WISH | wrong)

    assert response.status_code == 400
    assert 'class="error"' in response.content.decode()
    assert not ApiToken.objects.exists()


def test_one_token_too_many_is_refused_with_a_sentence(ines: Client) -> None:
    for _ in range(TOKENS_PER_PERSON_MAX):
        tokens.make(own_user(), [Scope.READ])

    response = ines.post("/settings/tokens/", WISH)

    assert response.status_code == 409
    assert "revoke one that is not needed" in response.content.decode()


def test_own_token_is_revoked_and_that_of_another_is_not_there(ines: Client) -> None:
    mine, my_text = tokens.make(own_user(), [Scope.READ])
    other, other_text = tokens.make(make_user("eve"), [Scope.READ])

    revoked = ines.post(f"/settings/tokens/{mine.pk}/revoke/", follow=True)
    again = ines.post(f"/settings/tokens/{mine.pk}/revoke/")
    foreign = ines.post(f"/settings/tokens/{other.pk}/revoke/")

    assert "The token " in revoked.content.decode()
    assert (again.status_code, foreign.status_code) == (409, 404)
    assert tokens.find(my_text) is None
    assert tokens.find(other_text) == other


def test_signing_out_everywhere_revokes_every_own_token(ines: Client) -> None:
    _, mine = tokens.make(own_user(), [Scope.READ])
    other, hers = tokens.make(make_user("eve"), [Scope.READ])

    ines.post("/settings/sign-out/")

    assert tokens.find(mine) is None
    assert tokens.find(hers) == other


def test_administration_shows_no_hash_and_lets_administrators_revoke(ines: Client) -> None:
    token, text = tokens.make(own_user(), [Scope.READ])
    root = signed_in(make_user("root", is_superuser=True))
    at = "/admin/processing/apitoken/"

    shown = root.get(at).content.decode() + root.get(f"{at}{token.pk}/change/").content.decode()
    root.post(at, {"action": "revoke", "_selected_action": [token.pk]})

    assert str(token) in shown
    assert token.digest not in shown
    assert tokens.find(text) is None
    assert AuditEntry.objects.get(action="token").actor == "root"
