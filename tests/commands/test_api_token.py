"""`api_token create|list|revoke`: a token is printed once, kept as a hash, and every act is in the audit log."""

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.db.models.functions import Now

from processing import tokens
from processing.management.failures import NotFound, Refused, WrongUsage
from processing.models import ApiToken, Scope
from recovery.audit import ActRefused
from recovery.models import AuditEntry
from recovery.token_acts import TOKENS_PER_PERSON_MAX, make_token
from tests.commands.running import run
from tests.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def recorded() -> list[tuple[str, str]]:
    """Give what the audit log says of tokens: what was done, and how it ended."""
    entries = AuditEntry.objects.filter(action="token").order_by("number")
    return [(one.details["change"], one.outcome) for one in entries]


def test_token_is_printed_once_and_only_its_hash_is_kept() -> None:
    make_user("ines")

    [made] = run(
        "api_token", "create", "--user", "ines", "--scope", "run,read", "--expires", "90d", "--json"
    ).objects
    [listed] = run("api_token", "list", "--user", "ines", "--json").objects

    token = ApiToken.objects.get()
    assert (made["type"], made["id"], made["scopes"]) == ("token", token.pk, ["read", "run"])
    assert tokens.digest_of(made["token"]) == token.digest
    found = tokens.find(made["token"])
    assert found == token
    assert listed == {key: value for key, value in made.items() if key != "token"}
    good_for = ApiToken.objects.filter(
        expires_at__range=(Now() + timedelta(days=89.9), Now() + timedelta(days=90))
    )
    assert good_for.exists()
    entry = AuditEntry.objects.get(action="token")
    assert made["token"] not in str(entry.details)
    assert (entry.details["token"], entry.details["scopes"]) == (token.pk, ["read", "run"])


def test_text_alone_is_on_stdout_when_no_json_is_asked_for() -> None:
    make_user("ines")

    printed = run("api_token", "create", "--user", "ines", "--scope", "read", "--expires", "never")

    [text] = printed.out.splitlines()
    token = tokens.find(text)
    assert token is not None
    assert token.expires_at is None
    assert "cannot be shown again" in printed.err
    assert text not in run("api_token", "list").out


def test_revoked_token_is_worth_nothing_and_a_second_revocation_is_refused() -> None:
    token, text = tokens.make(make_user("ines"), [Scope.READ])

    told = run("api_token", "revoke", f"sp_{token.pk}").out
    with pytest.raises(Refused, match="is revoked already"):
        run("api_token", "revoke", token.pk)

    assert told == f"Token {token.pk} of ines is revoked.\n"
    assert tokens.find(text) is None
    assert recorded() == [("revoked", "done"), ("revoked", f"refused: The token {token} is revoked already.")]


def test_nobody_has_more_tokens_than_the_limit_and_a_revoked_one_makes_room() -> None:
    user = make_user("ines")
    made = [tokens.make(user, [Scope.READ])[0] for _ in range(TOKENS_PER_PERSON_MAX)]

    with pytest.raises(ActRefused, match=f"ines has {TOKENS_PER_PERSON_MAX} tokens already"):
        make_token(user, [Scope.READ], None, actor="ines")
    tokens.revoke(made[0])
    make_token(user, [Scope.READ], None, actor="ines")

    assert [outcome.split(":")[0] for _, outcome in recorded()] == ["refused", "done"]


def test_token_of_somebody_who_may_not_sign_in_is_refused_and_one_made_before_is_worth_nothing() -> None:
    user = make_user("ines")
    _, text = tokens.make(user, [Scope.READ])
    user.is_active = False
    user.save()

    with pytest.raises(Refused, match="ines may not sign in"):
        run("api_token", "create", "--user", "ines", "--scope", "read")

    assert tokens.find(text) is None
    assert (ApiToken.objects.count(), len(recorded())) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (["create", "--user", "nobody", "--scope", "read"], NotFound, "There is no user 'nobody'."),
        (["revoke", "feedfeedfeed"], NotFound, "There is no token 'feedfeedfeed'."),
        (["create", "--scope", "read"], WrongUsage, "`api_token create` needs --user."),
        (["create", "--user", "ines"], WrongUsage, "`api_token create` needs --scope."),
        (["revoke"], WrongUsage, "`api_token revoke` needs ID."),
        (["list", "--scope", "read"], WrongUsage, "--scope does not belong to `api_token list`."),
        (["create", "--user", "ines", "--scope", "read,all"], CommandError, "'read,all' are not scopes"),
        (
            ["create", "--user", "ines", "--scope", "read", "--expires", "0d"],
            CommandError,
            "'0d' is no duration",
        ),
        (
            ["create", "--user", "ines", "--scope", "read", "--expires", "9999999d"],
            CommandError,
            "is no duration",
        ),
        (
            ["create", "--user", "ines", "--scope", "read", "--name", "x" * 101],
            CommandError,
            "a name has up to",
        ),
        (["create", "--user", "ines", "--scope", "read", "--name", "a\nb"], CommandError, "a name has up to"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence_and_nothing_is_made(
    arguments: list[str], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as refused:
        run("api_token", *arguments)

    assert sentence in str(refused.value)
    assert (ApiToken.objects.count(), recorded()) == (0, [])
