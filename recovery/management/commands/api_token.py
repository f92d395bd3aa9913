"""`api_token create|list|revoke`: tokens by which scripts speak for a person."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from processing import tokens
from processing.management.arguments import duration, plain_text
from processing.management.base import StockproofCommand, acting_person
from processing.management.failures import NotFound, WrongUsage
from processing.models import ApiToken, Scope
from recovery import token_acts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NAME_LENGTH_MAX = 100
TOKENS_SHOWN_MAX = 1000
COLUMNS = ("TOKEN", "USER", "NAME", "SCOPES", "EXPIRES", "LAST USED", "REVOKED")
GIVEN = ("token", "user", "scope", "expires", "name")
BELONGS = {"create": ("user", "scope", "expires", "name"), "list": ("user",), "revoke": ("token",)}
NEEDED = {"create": ("user", "scope"), "list": (), "revoke": ("token",)}


def scopes_of(text: str) -> list[Scope]:
    """Read scopes, separated by commas."""
    try:
        return [Scope(word.strip()) for word in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r} are not scopes: choose from {', '.join(Scope.values)}") from None


def expiry_of(text: str) -> timedelta | str:
    """Read for how long a token is good; `never` is for as long as nobody revokes it."""
    return text if text == "never" else duration(text)


def name_of(text: str) -> str:
    """Read what a token is called."""
    name = plain_text(text).strip()
    if len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise ArgumentTypeError(f"a name has up to {NAME_LENGTH_MAX} characters that can be printed")
    return name


class Command(StockproofCommand):
    """Makes, lists and revokes tokens."""

    help = (
        "Make a token of the REST interface, list tokens, or revoke one. A token may do what its scopes say, and "
        "never more than its person. Its text is printed once, when it is made, and kept nowhere."
    )
    example = "api_token create --user ines --scope read,run --expires 90d"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to do, and what belongs to it."""
        super().add_arguments(parser)
        parser.add_argument("act", choices=tuple(BELONGS), help="Make one, list them, or revoke one.")
        parser.add_argument(
            "token", metavar="ID", nargs="?", type=plain_text, help="Which one to revoke, as `list` has it."
        )
        parser.add_argument("--user", type=plain_text, help="For whom it speaks, or whose are listed.")
        parser.add_argument("--scope", type=scopes_of, help=f"Of {','.join(Scope.values)}, one or several.")
        parser.add_argument(
            "--expires", type=expiry_of, metavar="WHEN", help="After 90d, 12h, 45m or never; default: 90d."
        )
        parser.add_argument("--name", type=name_of, help="What it is for, so that you know it again.")

    def handle(self, *, act: str, **options: Any) -> None:
        """Do it."""
        for name in GIVEN:
            if options[name] is not None and name not in BELONGS[act]:
                raise WrongUsage(f"{_argument(name)} does not belong to `api_token {act}`.")
            if options[name] is None and name in NEEDED[act]:
                raise WrongUsage(f"`api_token {act}` needs {_argument(name)}.")
        {"create": self._create, "list": self._list, "revoke": self._revoke}[act](options)

    def _create(self, options: dict[str, Any]) -> None:
        expires = options["expires"] or timedelta(days=90)
        token, text = token_acts.make_token(
            _person(options["user"]),
            options["scope"],
            None if expires == "never" else expires,
            options["name"] or "",
            actor=acting_person(),
        )
        if self.wants_json:
            self.emit("token", tokens.published(token) | {"token": text})
            return
        self.note(f"Token {token.pk} for {options['user']}. Keep it now, it cannot be shown again:")
        self.say(text)

    def _list(self, options: dict[str, Any]) -> None:
        rows = ApiToken.objects.select_related("user").order_by("-created_at", "pk")
        if options["user"] is not None:
            rows = rows.filter(user=_person(options["user"]))
        found = [tokens.published(token) for token in rows[:TOKENS_SHOWN_MAX]]
        if self.wants_json:
            for one in found:
                self.emit("token", one)
        else:
            self.show_table(COLUMNS, [_row(one) for one in found])

    def _revoke(self, options: dict[str, Any]) -> None:
        token_id = options["token"].removeprefix(f"{tokens.PREFIX}_")
        token = ApiToken.objects.select_related("user").filter(pk=token_id).first()
        if token is None:
            raise NotFound(f"There is no token {token_id!r}.", hint="`manage.py api_token list` names them.")
        token_acts.revoke_token(token, actor=acting_person())
        token.refresh_from_db()
        if self.wants_json:
            self.emit("token", tokens.published(token))
        else:
            self.say(f"Token {token.pk} of {token.user.get_username()} is revoked.")


def _argument(name: str) -> str:
    return "ID" if name == "token" else f"--{name}"


def _person(name: str) -> "User":
    people = get_user_model().objects
    found = people.filter(**{get_user_model().USERNAME_FIELD: name}).first()
    if found is None:
        raise NotFound(f"There is no user {name!r}.", hint="`manage.py createsuperuser` makes the first one.")
    return found


def _row(token: dict[str, Any]) -> list[object]:
    instants = [token[name] or "-" for name in ("expires_at", "last_used_at", "revoked_at")]
    return [token["id"], token["user"], token["name"] or "-", ",".join(token["scopes"]), *instants]
