"""Makes the four roles as groups; whoever runs the installation may change them afterwards."""

from typing import TYPE_CHECKING, Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# As of this version; a later one that changes roles does so in a migration of its own.
OURS = ("processing", "recovery")
PEOPLE = ("add_user", "change_user", "delete_user", "view_user", "view_group", "change_group")
PRESETS = ("add_preset", "change_preset", "delete_preset")
RIGHTS = {
    "Viewer": (),
    "Operator": ("operate_session", *PRESETS),
    "Auditor": ("audit_sessions",),
    "Administrator": ("operate_session", "audit_sessions", "administer_sessions", *PRESETS, *PEOPLE),
}


def make_roles(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Add the groups that are not there, with their rights; all of them may look at what the machine wrote."""
    alias = editor.connection.alias
    for label in (*OURS, "auth"):
        _make_permissions(apps, alias, label)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    looking = permissions.filter(content_type__app_label__in=OURS, codename__startswith="view_")
    for name, codenames in RIGHTS.items():
        group, is_new = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=name)
        if is_new:
            group.permissions.set([*looking, *permissions.filter(codename__in=codenames)])


def _make_permissions(apps: "Apps", alias: str, label: str) -> None:
    """Make an app's permissions now: Django itself makes them only after the last migration."""
    config: Any = installed.get_app_config(label)
    create_permissions(config, verbosity=0, using=alias, apps=apps)


class Migration(migrations.Migration):
    """The four roles."""

    dependencies = [
        ("processing", "0005_profiles_and_roles"),
        ("recovery", "0004_sign_evidence"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop, elidable=False)]
