"""Walks the URLconf: every pattern with its name and a path that leads to the owner's rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.people import make_user, signed_in
from tests.views.places import ROLES, Place

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True)
class Address:
    """One pattern: its name with the namespace, or its route if it has none; and the route."""

    name: str
    route: str

    def path(self, values: Mapping[str, object]) -> str:
        """Give a path that the pattern matches."""
        filled = PARAMETER.sub(lambda found: str(values[found[1] or found[2]]), self.route)
        return "/" + filled.replace("^", "").replace("$", "").replace("\\Z", "")


def addresses(resolver: URLResolver | None = None, prefix: str = "", space: str = "") -> Iterator[Address]:
    """List every pattern of the URLconf, those of what it includes too."""
    for one in (resolver or get_resolver()).url_patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from addresses(one, route, inner)
        else:
            assert isinstance(one, URLPattern)
            yield Address(f"{space}{one.name}" if one.name else route, route)


def pages() -> list[Address]:
    """List the addresses of pages: all but those of the REST interface, which `api_places` knows."""
    return [address for address in addresses() if not address.name.startswith("api:")]


def make_people() -> dict[str, User]:
    """Make somebody of each role but the anonymous one."""
    people = {role: make_user(role) for role in ROLES if role not in ("anonymous", "superuser", "clerk")}
    for role in ("viewer", "operator", "auditor", "administrator"):
        people[role].groups.add(Group.objects.get(name=role.capitalize()))
    people["superuser"] = make_user("superuser", is_superuser=True)
    people["clerk"] = make_user("clerk", is_staff=True)
    seeing_all = ("audit_sessions", "administer_sessions")
    people["clerk"].user_permissions.set(Permission.objects.exclude(codename__in=seeing_all))
    return people


def cookies_of(people: Mapping[str, User]) -> dict[str, str]:
    """Let each of them sign in."""
    cookies = {role: signed_in(user).cookies["sessionid"].value for role, user in people.items()}
    return {"anonymous": "", **cookies}


def send(cookie: str, method: str, path: str, data: Mapping[str, Any], **options: Any) -> Any:
    """Ask as somebody, in a browser of its own."""
    client = Client(raise_request_exception=False, **options)
    if cookie:
        client.cookies["sessionid"] = cookie
    response = client.get(path) if method == "get" else client.post(path, data)
    b"".join(response)  # A file is closed by being read to its end.
    return response


def ask(cookie: str, method: str, path: str, data: Mapping[str, Any], **options: Any) -> Any:
    """Ask as somebody, and take back what that has changed."""
    before = transaction.savepoint()
    response = send(cookie, method, path, data, **options)
    transaction.savepoint_rollback(before)
    return response


def surprises(
    places: Mapping[str, Place],
    values: Mapping[str, Mapping[str, object]],
    cookies: Mapping[str, str],
    method: str,
) -> list[str]:
    """Ask every address as everybody; say where the answer is not that of the table."""
    found = []
    for address in (one for one in addresses() if one.name in places):
        place, path = places[address.name], address.path(values.get(address.name, values[""]))
        for role, expected in getattr(place, method).items():
            status = ask(cookies[role], method, path, place.data).status_code
            if status != expected:
                found.append(f"{method} {address.name} as {role}: {status}, not {expected}")
    return found
