"""Every form of the pages with bad values for each of its fields. A new form or field gets a line here."""

from dataclasses import replace

from processing import forms
from processing.preset_fields import FIELDS
from processing.views import verdict_forms
from recovery import forms as recovery_forms
from tests.people import PASSWORD
from tests.views.bad_values import (
    CHOICE,
    DATE,
    DECIMAL,
    EDGES,
    ID,
    NOT_THERE,
    NULL,
    NUMBER,
    SAYS,
    TEXT,
    Field,
    Sheet,
    Values,
)

# Who asks a page for what it does not have has changed its address by hand, or has an old page.
UNREAD = "Something in it is not what this page expects. Nothing was changed."
NOT_DONE = "That did not work"
UNCHANGED = "Nothing was changed"
SAID = '<p class="error"'
BELONG = "Name and password do not belong together."
NEXT_PASSWORD = "another-long-pass-phrase-of-tests"


def asked(right: str | None, bad: Values, takes: str = "empty", says: str = UNREAD) -> Field:
    """Give a field that nobody types into, such as a parameter of an address."""
    return Field(right, bad, takes, says=says)


def flag(right: str | None = None) -> Field:
    """Give a box: whatever is sent is a yes."""
    return Field(right, CHOICE, " ".join(CHOICE))


def shown(name: str) -> Field:
    """Give a field that carries what a page showed."""
    return Field(lambda scene: str(scene.values[name]), {})


PLACE = {
    "verdict": asked("rejected", CHOICE),
    "reason": asked("noise", CHOICE, "empty wrong"),
    "after": asked("1", NUMBER),
    "said": asked("1.2", NUMBER),
    "act": asked(None, TEXT, "empty control"),
    "seen": asked("1", NUMBER),
}
# Other forms have these fields too: that they read them is seen of one bad value.
PLACE_HERE = {name: asked(one.right, NULL, "") for name, one in PLACE.items()}
PLACE_SENT = {name: asked(one.right, NULL, "", NOT_DONE) for name, one in PLACE.items()}
NOTE = Field("fine", TEXT, "empty", says=NOT_DONE)
PAGE = Field("", CHOICE, "empty", says=NOT_DONE)
TIMELINE = {
    "kind": asked("crashes", CHOICE),
    "before": asked("2026-01-01T00:00:00+0000", DATE | EDGES),
}
VERSION = asked("0", TEXT, "empty control")
RULES = {
    "name": Field("Mine", TEXT),
    **{one.key: Field(one.example, TEXT if one.is_words else DECIMAL, "empty") for one in FIELDS},
}
AUDIT = {
    "who": Field("ines", TEXT, "empty"),
    "action": Field("pin", CHOICE, "empty"),
    "session": Field(None, ID, "empty stale foreign", is_id=True),
    "first": Field("2026-01-01", DATE | {"early": "0001-01-01", "late": "9999-12-31"}, "empty"),
    "last": Field("2026-01-01", DATE | {"early": "0001-01-01", "late": "9999-12-31"}, "empty"),
    "before": asked("7", NUMBER, says='id="before-error"'),
}
STEPS = (("pause", "running"), ("cancel", "running"), ("resume", "paused"))

LISTS = [
    Sheet(
        forms.SessionListForm,
        "sessions",
        {
            "status": asked("running", CHOICE),
            "after": Field(None, ID, "empty", NOT_THERE, UNREAD, is_id=True),
            "version": VERSION,
        },
        "get",
    ),
    Sheet(forms.SessionPartForm, "session", {"version": VERSION, "said": VERSION}, "get"),
    Sheet(verdict_forms.PlaceForm, "session-results", PLACE, "get"),
    Sheet(verdict_forms.PlaceForm, "session-photo", PLACE_HERE, "get"),
    Sheet(
        recovery_forms.LookForm,
        "session-recovery",
        {
            "part": asked(None, CHOICE),
            "checkpoint": Field(None, ID, "empty", NOT_THERE, UNREAD, is_id=True),
            "done": asked(None, NUMBER),
            "undone": asked(None, NUMBER),
            "look": flag(),
            "version": VERSION,
        },
        "get",
    ),
    Sheet(
        recovery_forms.BannerForm,
        "recovery-banner",
        {"part": asked("button", CHOICE), "version": VERSION},
        "get",
    ),
    *(
        Sheet(recovery_forms.TimelineForm, address, TIMELINE, "get")
        for address in ("session-timeline", "session-checkpoints", "recovery-crashes")
    ),
    Sheet(
        recovery_forms.SinceForm,
        "statistics",
        {"since": asked("30d", DATE | EDGES, "empty", SAID)},
        "get",
    ),
    Sheet(
        recovery_forms.DashboardForm,
        "recovery",
        {"part": asked("running", CHOICE), "version": VERSION, "looks": flag()},
        "get",
    ),
    *(
        Sheet(recovery_forms.AuditForm, address, AUDIT, "get", leaves=("recovery_audit",))
        for address in ("audit", "audit-export")
    ),
    # Whatever is to be copied, the page of a new preset is there.
    Sheet(forms.CopyForm, "preset-new", {"copy": Field("1", NUMBER, " ".join(NUMBER))}, "get"),
]
ACTS = [
    *(
        Sheet(forms.StepForm, f"session-{step}", {"why": Field("so", TEXT, "empty")}, scene=scene)
        for step, scene in STEPS
    ),
    Sheet(
        forms.NoteForm,
        "session-checkpoint",
        {"note": asked("mine", TEXT), "place": asked("session", CHOICE)},
        scene="running",
    ),
    Sheet(
        verdict_forms.VerdictForm,
        "session-verdict",
        {
            **PLACE_SENT,
            "say": asked("approved", CHOICE, "", NOT_DONE),
            "one": asked(None, CHOICE, "empty", NOT_DONE),
            "pick": asked("1", NUMBER, "", NOT_DONE),
            "note": NOTE,
            "page": PAGE,
        },
    ),
    Sheet(
        verdict_forms.UndoForm,
        "session-verdict-undo",
        {
            **PLACE_SENT,
            "act": Field(lambda scene: str(scene.values["act"]), TEXT, says=NOT_DONE),
            "pick": asked("1", NUMBER, "", NOT_DONE),
            "page": PAGE,
        },
    ),
    Sheet(
        verdict_forms.AllForm,
        "session-verdict-all",
        {
            **PLACE_HERE,
            "say": asked("approved", CHOICE, ""),
            "note": Field("fine", TEXT, "empty"),
            "count": asked("2", NUMBER | {"empty": NULL["null"]}, ""),
        },
    ),
    Sheet(
        recovery_forms.RecoverForm,
        "session-recovery",
        {
            "option": asked("continue", CHOICE, "", UNCHANGED),
            "state": Field(lambda scene: str(scene.values["state"]), TEXT, "", {"control": 409}, UNCHANGED),
            "checkpoint": Field(None, ID, "empty", NOT_THERE, UNCHANGED, is_id=True),
            "confirmed": flag(),
        },
        scene="interrupted",
        leaves=("recovery_audit",),  # A state that is another one is refused with an entry.
    ),
    Sheet(
        recovery_forms.UndoForm,
        "session-undo",
        {
            "number": asked("1", NUMBER, "", UNCHANGED),
            "attempt": Field(lambda scene: str(scene.values["attempt"]), NUMBER, says=UNCHANGED),
        },
        scene="recovered",
    ),
    Sheet(
        recovery_forms.BatchForm,
        "recovery-batch",
        {
            "ids": Field(lambda scene: str(scene.values["session_id"]), ID, says=UNCHANGED, is_id=True),
            "all_safe": flag(),
        },
        scene="interrupted",
    ),
    Sheet(recovery_forms.PinForm, "checkpoint-pin", {"keeps": asked("1", CHOICE, "")}),
    Sheet(
        recovery_forms.PlaceForm,
        "checkpoint-verify",
        {"place": asked("timeline", CHOICE, says=SAYS[404])},
        status=404,
    ),
    Sheet(recovery_forms.CleanupForm, "checkpoints-clean", {"keep": Field("3", NUMBER)}),
]
PERSONAL = [
    Sheet(forms.ThemeForm, "settings-appearance", {"theme": Field("dark", CHOICE)}),
    Sheet(forms.KeysForm, "settings-keys", {"has_keys": flag("on")}),
    Sheet(
        forms.TokenForm,
        "settings-token-new",
        {
            "name": Field("Nightly", TEXT),
            "scopes": Field("read", CHOICE),
            "expires": Field("30", CHOICE, "empty"),
        },
    ),
    Sheet(forms.RulesForm, "preset-new", RULES),
    Sheet(forms.RulesForm, "preset", RULES),
    Sheet(
        forms.PasswordForm,
        "settings-password",
        {
            "old_password": Field(PASSWORD, TEXT),
            "new_password1": Field(NEXT_PASSWORD, NULL | {"empty": ""}),
            "new_password2": Field(NEXT_PASSWORD, TEXT),
        },
        leaves=("recovery_audit", "axes_"),  # Wrong ones are guesses, and counted.
    ),
    Sheet(
        forms.NewSessionForm,
        "session-new",
        {
            "source": Field(lambda scene: str(scene.values["folder"]), TEXT),
            "recursive": flag("on"),
            "name": Field("Autumn", TEXT, "empty"),
            "preset": asked("Adobe Stock", CHOICE, "", 'id="preset-error"'),
            "checkpoint_interval": Field("7", NUMBER),
            "batch_size": Field("21", NUMBER),
            "beside": flag(),
        },
    ),
    # What is counted is a preview beside the form, with the sentence in its place.
    Sheet(
        forms.LookForm,
        "session-new",
        {
            "source": Field(lambda scene: str(scene.values["folder"]), TEXT | {"wrong": "photos"}, says=SAID),
            "recursive": flag("on"),
            "preset": asked("Adobe Stock", CHOICE, "empty control wrong", SAID),
            "kept": asked(None, CHOICE, "empty", SAID),
        },
        status=200,
        plus={"look": "1"},
    ),
    Sheet(
        forms.LoginForm,
        "login",
        {"username": Field("ines", NULL | {"empty": ""}), "password": Field(PASSWORD, TEXT)},
        status=200,
        person="",
        leaves=("recovery_audit", "axes_"),
    ),
]
# Whether a name is somebody's is not said.
PERSONAL.append(
    replace(
        PERSONAL[-1],
        fields={
            "username": asked("ines", TEXT | {"empty": "nobody", "null": "Ines"}, "", BELONG),
            "password": Field(PASSWORD, {}),
        },
    )
)
SHEETS = [*LISTS, *ACTS, *PERSONAL]
