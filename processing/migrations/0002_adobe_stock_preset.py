"""Ships the preset "Adobe Stock", with the limits that the analysis was calibrated for."""

from typing import TYPE_CHECKING

from django.db import migrations

from processing.analysis.verdict import ADOBE_STOCK

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "Adobe Stock"


def add_preset(apps: "Apps", _editor: "BaseDatabaseSchemaEditor") -> None:
    """Add the preset unless a person has made one of that name."""
    apps.get_model("processing", "Preset").objects.get_or_create(name=NAME, defaults={"rules": ADOBE_STOCK})


class Migration(migrations.Migration):
    dependencies = [("processing", "0001_tables")]

    operations = [migrations.RunPython(add_preset, migrations.RunPython.noop)]
