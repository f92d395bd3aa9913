"""Every address of the administration, in the way of `places`."""

from collections.abc import Mapping

from django.contrib.auth.models import Group, User
from django.db import models

from processing.models import (
    ApiToken,
    Batch,
    ImageResult,
    Override,
    Preset,
    ProcessingSession,
    SkippedEntry,
    Worker,
)
from recovery.models import AuditEntry, Checkpoint, Crash, RecoveryAttempt
from tests.views.places import ADMITTED, Place, admitted, alike

OBJECT_PAGES = ("change", "history", "delete")
NOWHERE = admitted(403)
FOUND = admitted(200)
REDIRECT = Place(admitted(302), admitted(302))
# Rows of a session that is another's lead back to the index, as if they were not there.
UNSEEN = admitted(200, clerk=302)


def pages_of(model: type[models.Model], **pages: Place) -> dict[str, Place]:
    """Give the pages that the administration has for each model, under the names of their addresses."""
    label, name = model._meta.app_label, model._meta.model_name
    redirect = {f"admin/{label}/{name}/<path:object_id>/": REDIRECT}
    return redirect | {f"admin:{label}_{name}_{page}": place for page, place in pages.items()}


def machine_rows(model: type[models.Model], list_: dict[str, int], rows: dict[str, int]) -> dict[str, Place]:
    """Give the pages of rows that nobody adds, changes or deletes."""
    nothing = Place(NOWHERE, NOWHERE)
    return pages_of(
        model,
        changelist=Place(list_, list_),
        add=nothing,
        change=Place(rows, NOWHERE),
        delete=nothing,
        history=Place(rows, rows),
    )


def edited_rows(
    model: type[models.Model], seen: dict[str, int], changed: dict[str, int], made: dict[str, int]
) -> dict[str, Place]:
    """Give the pages of rows that people edit: who sees them, who changes them, who adds and removes them."""
    return pages_of(
        model,
        changelist=Place(seen, seen),
        add=Place(made, made),
        change=Place(seen, changed),
        delete=Place(made, {role: 302 if status == 200 else status for role, status in made.items()}, SURE),
        history=Place(seen, seen),
    )


SURE = {"post": "yes"}
OF_SESSIONS = (
    ProcessingSession,
    Batch,
    ImageResult,
    SkippedEntry,
    Override,
    Checkpoint,
    Crash,
    RecoveryAttempt,
)
PRESETS = admitted(200, auditor=403)
PEOPLE = admitted(200, auditor=403)
ROLES_CHANGED = admitted(200, auditor=403, clerk=403)
ROLES_MADE = admitted(403, superuser=200)

ADMINISTRATION: dict[str, Place] = {
    "admin:index": Place(FOUND, FOUND),
    "admin:login": Place(alike(200) | dict.fromkeys(ADMITTED, 302), alike(200)),
    "admin:logout": Place(admitted(405), alike(302)),
    "admin:password_change": REDIRECT,
    "admin:password_change_done": Place(FOUND, admitted(405)),
    "admin:autocomplete": Place(NOWHERE, admitted(405)),
    "admin:jsi18n": Place(FOUND, admitted(405)),
    "admin:view_on_site": Place(admitted(404), admitted(404)),
    "admin:app_list": Place(FOUND, FOUND),
    "admin/(?P<url>.*)$": Place(admitted(404), admitted(404)),
    "admin:auth_user_password_change": Place(PEOPLE, PEOPLE),
    **{name: place for model in OF_SESSIONS for name, place in machine_rows(model, FOUND, UNSEEN).items()},
    **machine_rows(Worker, FOUND, FOUND),
    **machine_rows(ApiToken, FOUND, UNSEEN),
    **machine_rows(AuditEntry, admitted(200, clerk=403), admitted(200, clerk=403)),
    **edited_rows(Preset, FOUND, PRESETS, PRESETS),
    **edited_rows(User, PEOPLE, PEOPLE, PEOPLE),
    **edited_rows(Group, PEOPLE, ROLES_CHANGED, ROLES_MADE),
}


def values_of_model(rows: Mapping[type[models.Model], models.Model]) -> dict[str, dict[str, object]]:
    """Give what stands for the parameters of each address of the administration."""
    values: dict[str, dict[str, object]] = {
        "admin:view_on_site": {"content_type_id": 1, "object_id": 1},
        "admin:app_list": {"app_label": "processing"},
        "admin/(?P<url>.*)$": {"url": "nothing/at/all/"},
        "admin:auth_user_password_change": {"id": rows[User].pk},
    }
    for model, row in rows.items():
        key = {"object_id": row.pk}
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        values |= {f"admin:{label}_{page}": key for page in OBJECT_PAGES}
        values[f"admin/{model._meta.app_label}/{model._meta.model_name}/<path:object_id>/"] = key
    return values
