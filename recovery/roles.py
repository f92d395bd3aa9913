"""What a person may do, as flags and roles, and the entry in the audit log of each change of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group, User

from recovery import audit

FLAGS = ("is_active", "is_staff", "is_superuser")


def standing_of(user: User) -> dict[str, Any]:
    """Give a person's flags, roles and rights of his own, as the database has them now."""
    flags = User.objects.filter(pk=user.pk).values(*FLAGS).get()
    roles = user.groups.order_by("name").values_list("name", flat=True)
    rights = user.user_permissions.order_by("codename").values_list("codename", flat=True)
    return {**flags, "roles": list(roles), "rights": list(rights)}


def rights_of(group: Group) -> dict[str, Any]:
    """Give what a role allows, as the database has it now."""
    rights = group.permissions.order_by("codename").values_list("codename", flat=True)
    return {"name": Group.objects.values_list("name", flat=True).get(pk=group.pk), "rights": list(rights)}


def record_change(whom: str, before: Mapping[str, Any], after: Mapping[str, Any], **person: Any) -> None:
    """Record what has changed, inside the transaction that changes it; nothing when nothing has.

    `person` is who did it: `actor` and `address`.
    """
    names = [name for name in (*before, *after) if before.get(name) != after.get(name)]
    if names:
        kept = {"before": _only(names, before), "after": _only(names, after)}
        audit.record(audit.Action.ROLE, details={"whom": whom, **kept}, **person)


def _only(names: Sequence[str], facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in names if name in facts}
