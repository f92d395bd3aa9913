"""Adds how people like the pages, the rights that roles are made of, and a session's pace over time."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("processing", "0004_sign_results"),
    ]

    operations = [
        migrations.CreateModel(
            name="Profile",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="profile",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "theme",
                    models.CharField(
                        choices=[("system", "Same as the system"), ("light", "Light"), ("dark", "Dark")],
                        default="system",
                        max_length=6,
                        verbose_name="appearance",
                    ),
                ),
                ("has_keys", models.BooleanField(default=True, verbose_name="single keys act")),
                (
                    "crashes_seen_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="told of crashes until"),
                ),
            ],
            options={
                "verbose_name": "profile",
                "verbose_name_plural": "profiles",
            },
        ),
        migrations.AlterModelOptions(
            name="processingsession",
            options={
                "permissions": [
                    ("operate_session", "Can create sessions, and run, recover and override own ones"),
                    ("audit_sessions", "Can see every session and the whole audit log, and verify"),
                    ("administer_sessions", "Can do everything to every session"),
                ],
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
            },
        ),
        migrations.AddField(
            model_name="processingsession",
            name="pace",
            field=models.JSONField(blank=True, default=list, verbose_name="photos processed over time"),
        ),
    ]
