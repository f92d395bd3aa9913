"""Who may do what: a role is one of Django's groups, a right is one of Django's permissions.

A session belongs to its owner. Somebody who has no role may do with sessions of his own what an Operator may, so
that a photographer who works alone need not know of roles; a Viewer may look at his own, and no more.
"""

from typing import TYPE_CHECKING, Literal

from django.core.exceptions import PermissionDenied

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from processing.models import ProcessingSession

    Person = User | AnonymousUser

VIEWER, OPERATOR, AUDITOR, ADMINISTRATOR = ROLES = ("Viewer", "Operator", "Auditor", "Administrator")
OPERATE = "operate_session"
AUDIT = "audit_sessions"
ADMINISTER = "administer_sessions"


class NotAllowed(PermissionDenied):
    """Somebody's role does not allow an act; the text may be shown."""


def may_administer(user: "Person") -> bool:
    """Whether somebody may do everything, with the sessions of others too."""
    return user.is_active and user.has_perm(f"processing.{ADMINISTER}")


def may_audit(user: "Person") -> bool:
    """Whether somebody sees the sessions of everyone and the whole audit log, and may verify."""
    return may_administer(user) or (user.is_active and user.has_perm(f"processing.{AUDIT}"))


def may_operate(user: "Person", session: "ProcessingSession | None" = None) -> bool:
    """Whether somebody may run, pause, recover and override a session; without one, create one."""
    if may_administer(user):
        return True
    if not user.is_active or not user.is_authenticated:
        return False
    owns = session is None or session.owner_id == user.pk
    return owns and (user.has_perm(f"processing.{OPERATE}") or not user.groups.exists())


def may_verify(user: "Person", session: "ProcessingSession") -> bool:
    """Whether somebody may let a session be checked, nothing being repaired."""
    return may_audit(user) or may_operate(user, session)


def may_change_presets(user: "Person", step: Literal["add", "change", "delete"]) -> bool:
    """Whether somebody may add, change or delete the rules that photos are judged by."""
    return user.is_active and user.has_perm(f"processing.{step}_preset")


def may_enter_administration(user: "Person") -> bool:
    """Whether somebody may open the administration, where everyone sees only what they may see elsewhere."""
    return user.is_active and (user.is_staff or may_audit(user))


def may_change_roles(user: "Person", of: "User") -> bool:
    """Whether somebody may change the roles of a person: only a superuser those of himself or of a superuser."""
    if user.is_active and user.is_superuser:
        return True
    return may_administer(user) and user.pk != of.pk and not of.is_superuser
