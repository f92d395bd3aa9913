"""The log's one head row, and triggers that refuse every change of an entry."""

from typing import TYPE_CHECKING

from django.db import migrations

from processing import keys

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

REFUSAL = "The audit log is append-only: its entries are never changed or removed."

CREATE = {
    "sqlite": (
        f"""CREATE TRIGGER audit_entry_is_not_changed BEFORE UPDATE ON recovery_auditentry
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        f"""CREATE TRIGGER audit_entry_is_not_removed BEFORE DELETE ON recovery_auditentry
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        # INSERT OR REPLACE removes the row that is there, and fires no trigger of DELETE (sqlite.org/lang_conflict).
        f"""CREATE TRIGGER audit_entry_is_not_replaced BEFORE INSERT ON recovery_auditentry
        WHEN EXISTS (SELECT 1 FROM recovery_auditentry WHERE number = NEW.number)
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",  # noqa: S608 -- made of constants
    ),
    "postgresql": (
        f"""CREATE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION USING MESSAGE = '{REFUSAL}', ERRCODE = 'restrict_violation'; END $$""",
        """CREATE TRIGGER audit_entry_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON recovery_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_kept()""",
    ),
}
DROP = {
    "sqlite": (
        "DROP TRIGGER audit_entry_is_not_changed",
        "DROP TRIGGER audit_entry_is_not_removed",
        "DROP TRIGGER audit_entry_is_not_replaced",
    ),
    "postgresql": (
        "DROP TRIGGER audit_entry_is_kept ON recovery_auditentry",
        "DROP FUNCTION audit_entry_is_kept()",
    ),
}


def add_head(apps: "Apps", _editor: "BaseDatabaseSchemaEditor") -> None:
    """Add the head of the empty log: number 0, no mac, and a tag that nobody without the keys could make."""
    tag = keys.sign("audit head", (0).to_bytes(8, "big"), b"")
    apps.get_model("recovery", "AuditHead").objects.get_or_create(pk=1, defaults={"tag": tag})


def create_triggers(_apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Let the database refuse UPDATE, DELETE and what amounts to them."""
    for statement in CREATE[editor.connection.vendor]:
        editor.execute(statement, params=None)


def drop_triggers(_apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Take the triggers away again."""
    for statement in DROP[editor.connection.vendor]:
        editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("recovery", "0002_seals_and_audit")]

    operations = [
        migrations.RunPython(add_head, migrations.RunPython.noop),
        migrations.RunPython(create_triggers, drop_triggers),
    ]
