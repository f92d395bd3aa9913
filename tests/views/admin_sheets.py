"""The forms of the administration with bad values for each of their fields, in the way of `sheets`."""

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import models

from config.admin import MachineRowAdmin
from config.site import EntranceForm
from processing.forms import PresetForm
from tests.people import PASSWORD
from tests.views.bad_values import CHOICE, NULL, TEXT, Field, Sheet
from tests.views.sheets import asked, flag

RULES = '{"focus_min": 0.3}'
PRESET = {"name": Field("Mine", TEXT), "rules": Field(RULES, CHOICE | {"digits": "9" * 400, "type": "[1]"})}
NAMES = NULL | {"huge": TEXT["huge"]}
DAY = NULL | {"wrong": "yesterday", "month": "2026-13-01"}
TIME = NULL | {"wrong": "noon"}
KEYS = {"wrong": "seven", "digits": "9" * 400, "stale": "987654321"}
# What says it here is a list of errors at a pair of fields, or at a list of choices.
LISTED = 'class="errorlist'
PERSON = {
    "username": Field("eva", TEXT),
    "first_name": Field("Eva", NAMES),
    "last_name": Field("Noor", NAMES),
    "email": Field("eva@example.org", NAMES | {"wrong": "nowhere", "control": "a\a@example.org"}),
    "is_active": flag("on"),
    "is_staff": flag(),
    "is_superuser": flag(),
    "groups": asked(None, KEYS, "", LISTED),
    "user_permissions": asked(None, KEYS, "", LISTED),
    "last_login_0": asked("", DAY, "", LISTED),
    "last_login_1": asked("", TIME, "", LISTED),
    "date_joined_0": asked("2026-01-01", DAY, "", LISTED),
    "date_joined_1": asked("12:00", TIME, "", LISTED),
    "password": Field(None, {}),  # It is shown, not typed.
}
NEW_PASSWORD = {
    "usable_password": asked("true", TEXT, " ".join(TEXT), LISTED),
    "password1": Field(PASSWORD, NULL | {"empty": ""}),
    "password2": Field(PASSWORD, TEXT),
}
GROUP = {
    "name": Field("Interns", NULL | {"huge": TEXT["huge"], "empty": ""}),
    "permissions": asked(None, KEYS, "", LISTED),
}


def admin_sheet(form: object, page: str, fields: dict[str, Field]) -> Sheet:
    """Make the sheet of a page of the administration, which answers 200 also to what it refuses."""
    return Sheet(form, f"admin:{page}", fields, scene="none", status=200, person="root")


def form_of(model: type[models.Model], name: str = "form") -> object:
    """Give a form of the administration's page of a model."""
    return getattr(admin.site._registry[model], name)


ADMIN_SHEETS = [
    admin_sheet(PresetForm, "processing_preset_add", PRESET),
    admin_sheet(PresetForm, "processing_preset_change", PRESET),
    admin_sheet(form_of(User, "add_form"), "auth_user_add", {"username": PERSON["username"], **NEW_PASSWORD}),
    admin_sheet(form_of(User), "auth_user_change", PERSON),
    admin_sheet(form_of(User, "change_password_form"), "auth_user_password_change", NEW_PASSWORD),
    admin_sheet(form_of(Group), "auth_group_add", GROUP),
    admin_sheet(form_of(Group), "auth_group_change", GROUP),
    Sheet(
        EntranceForm,
        "admin:login",
        {
            "username": Field("root", NULL | {"empty": ""}),
            "password": Field(PASSWORD, NULL | {"empty": ""}),
        },
        scene="none",
        status=200,
        person="",
        leaves=("recovery_audit", "axes_"),
    ),
]
EDITED = [model for model, one in admin.site._registry.items() if not isinstance(one, MachineRowAdmin)]
