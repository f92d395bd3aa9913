"""Who may do what: each role, nobody's role, and who is not active any more."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from processing import access
from processing.models import ProcessingSession
from tests.factories import make_session
from tests.people import make_user

pytestmark = pytest.mark.django_db
# (operate own, operate another's, create, verify another's, audit, administer, change presets, enter administration)
RIGHTS = {
    None: (True, False, True, False, False, False, False, False),
    "Viewer": (False, False, False, False, False, False, False, False),
    "Operator": (True, False, True, False, False, False, True, False),
    "Auditor": (False, False, False, True, True, False, False, True),
    "Administrator": (True, True, True, True, True, True, True, True),
    "superuser": (True, True, True, True, True, True, True, True),
}


def person(role: str | None, name: str = "ines", **columns: bool) -> User:
    """Make somebody of a role."""
    user = make_user(name, is_superuser=role == "superuser", **columns)
    user.groups.set(Group.objects.filter(name=role))
    return User.objects.get(pk=user.pk)


def rights_of(user: User) -> tuple[bool, ...]:
    """Ask for every right, of a session of his own and of another's."""
    own, others = make_session(owner_id=user.pk), make_session(owner=make_user("other"))
    return (
        access.may_operate(user, own),
        access.may_operate(user, others),
        access.may_operate(user),
        access.may_verify(user, others),
        access.may_audit(user),
        access.may_administer(user),
        all(access.may_change_presets(user, step) for step in ("add", "change", "delete")),
        access.may_enter_administration(user),
    )


@pytest.mark.parametrize("role", RIGHTS)
def test_role_may_what_the_table_says(role: str | None) -> None:
    assert rights_of(person(role)) == RIGHTS[role]


@pytest.mark.parametrize("role", RIGHTS)
def test_role_gives_nothing_to_who_is_not_active(role: str | None) -> None:
    assert rights_of(person(role, is_active=False)) == (False,) * 8


def test_stranger_may_nothing_and_sees_nothing() -> None:
    session = make_session(owner=None)
    stranger = AnonymousUser()

    asked = (access.may_operate(stranger), access.may_operate(stranger, session), access.may_audit(stranger))
    assert asked == (False, False, False)
    assert not access.may_enter_administration(stranger)
    assert not ProcessingSession.objects.visible_to(stranger).exists()


@pytest.mark.parametrize(
    ("role", "seen"),
    [(None, {"own"}), ("Viewer", {"own"}), ("Operator", {"own"})]
    + [(role, {"own", "other's", "nobody's"}) for role in ("Auditor", "Administrator", "superuser")],
)
def test_sessions_are_seen_by_role(role: str | None, seen: set[str]) -> None:
    user = person(role)
    make_session(owner=user, name="own")
    make_session(owner=make_user("other"), name="other's")
    make_session(owner=None, name="nobody's")

    names = ProcessingSession.objects.visible_to(user).values_list("name", flat=True)

    assert set(names) == seen


@pytest.mark.parametrize(
    ("role", "of", "may"),
    [
        ("Administrator", None, True),
        ("Administrator", "Administrator", True),
        ("Administrator", "superuser", False),
        ("superuser", "superuser", True),
        ("Auditor", None, False),
        ("Operator", None, False),
        (None, None, False),
    ],
)
def test_roles_of_others_are_changed_by_administrators(
    role: str | None, of: str | None, *, may: bool
) -> None:
    assert access.may_change_roles(person(role), person(of, "other")) is may


@pytest.mark.parametrize(("role", "may"), [("Administrator", False), ("superuser", True)])
def test_own_roles_are_changed_by_superusers_only(role: str, *, may: bool) -> None:
    user = person(role)

    assert access.may_change_roles(user, user) is may
