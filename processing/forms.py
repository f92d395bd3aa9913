"""What pages accept from people."""

import json
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from processing.analysis.verdict import RULES
from processing.counting import CountLost, DryCount
from processing.creation import NoPhotos, Unknown, Wish, readable_source, source_with_photos
from processing.models import Preset, ProcessingSession, Scope
from processing.models.preset import DEFAULT_PRESET
from processing.models.profile import Theme
from processing.models.session_set import TABS
from processing.preset_fields import FIELDS, RuleField, stored_rules
from processing.sources import SourceRefused
from processing.starting import open_session_of

if TYPE_CHECKING:
    PresetModelForm = forms.ModelForm[Preset]
else:
    PresetModelForm = forms.ModelForm

WHY_LENGTH_MAX = 200
PATH_LENGTH_MAX = 4096
NAME_LENGTH_MAX = 200
PHOTOS_MAX = 10_000
WORDS_LENGTH_MAX = 200
RULES_LENGTH_MAX = 10_000
TOKEN_NAME_LENGTH_MAX = 100
EXPIRIES = (("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year")), ("", _("never")))


def one_line(text: str) -> None:
    """Refuse control characters: they cannot be seen, and break lines of lists and logs."""
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise ValidationError(_("Leave out control characters, such as line breaks and tabs."))


def a_count(label: Any, initial: int, hint: Any) -> forms.IntegerField:
    """Make a field for a number of photos."""
    suits = _("Enter a whole number from 1 to {most}; {initial} suits most.")
    text = format_lazy(suits, most=f"{PHOTOS_MAX:,}", initial=initial)
    return forms.IntegerField(
        label=label,
        initial=initial,
        min_value=1,
        max_value=PHOTOS_MAX,
        help_text=hint,
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), text),
    )


class SessionListForm(forms.Form):
    """Which part of the list of sessions is asked for."""

    status = forms.ChoiceField(choices=[("", ""), *((tab, tab) for tab in TABS)], required=False)
    after = forms.UUIDField(required=False)
    version = forms.CharField(max_length=32, required=False)


class SessionPartForm(forms.Form):
    """What a page already shows, when it asks for something newer."""

    version = forms.CharField(max_length=32, required=False)
    said = forms.CharField(max_length=100, required=False)


class StepForm(forms.Form):
    """Why a person pauses or cancels a session."""

    why = forms.CharField(
        label=_("Why"),
        help_text=_("It is kept with the session, for whoever looks at it later."),
        max_length=WHY_LENGTH_MAX,
        required=False,
        validators=[one_line],
    )


class NoteForm(forms.Form):
    """What a person notes beside a checkpoint, and the page that is led back to."""

    note = forms.CharField(label=_("Note"), max_length=WHY_LENGTH_MAX, required=False, validators=[one_line])
    place = forms.ChoiceField(
        choices=[(name, name) for name in ("session", "session-timeline", "session-checkpoints")],
        required=False,
    )


class LoginForm(AuthenticationForm):
    """Name and password. What was wrong with them is not said, so that names cannot be guessed."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": _("Name and password do not belong together."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].error_messages["required"] = _("Enter your user name.")
        self.fields["password"].error_messages["required"] = _("Enter your password.")


class RulesField(forms.JSONField):
    """Rules as indented JSON; an error names the line."""

    widget = forms.Textarea(attrs={"rows": 18, "cols": 80, "spellcheck": "false"})

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Give back what a person typed, without reading it a second time."""
        return initial if self.disabled else data

    def prepare_value(self, value: Any) -> Any:
        """Show the rules with one name a line; what a person typed stays as it is."""
        if isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        """Read the text. Raises ValidationError with line and column of the first mistake."""
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        if len(value) > RULES_LENGTH_MAX:
            raise ValidationError(
                _("The rules are longer than %(max)s characters."), params={"max": RULES_LENGTH_MAX}
            )
        try:
            return json.loads(value)
        except RecursionError as error:
            raise ValidationError(_("The rules are nested too deeply.")) from error
        except json.JSONDecodeError as error:
            raise ValidationError(
                _("Line %(line)s, column %(column)s is not JSON: %(why)s."),
                params={"line": error.lineno, "column": error.colno, "why": error.msg},
            ) from error


def check_name(name: str, preset: Preset | None) -> str:
    """Refuse a name that cannot be read, or another one for the default preset. Raises ValidationError."""
    if not name.isprintable():
        raise ValidationError(_("The name has a character in it that cannot be read: type it anew."))
    if preset is not None and preset.is_default and name != preset.name:
        raise ValidationError(
            _("This preset keeps its name, %(name)s: sessions get it when nobody names another."),
            params={"name": DEFAULT_PRESET},
        )
    return name


class PresetForm(PresetModelForm):
    """A preset's name and rules, with every rule explained beside them."""

    rules = RulesField(label=_("Rules"))

    class Meta:
        model = Preset
        fields = ("name", "rules")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = ", ".join(rule.key for rule in RULES)
        self.fields["rules"].help_text = _(
            "An object of names and limits. A rule that is left out is not applied. Sessions keep a copy of the "
            "rules that they began with. Known are: %(known)s."
        ) % {"known": known}

    def clean_name(self) -> str:
        """Refuse names that cannot be read, and another one for the default preset."""
        stored = Preset.objects.filter(pk=self.instance.pk).first()
        return check_name(self.cleaned_data["name"], stored)


class ThemeForm(forms.Form):
    """Which colors a person wants."""

    theme = forms.ChoiceField(choices=Theme.choices)


class KeysForm(forms.Form):
    """Whether single keys act; an empty box is a no."""

    has_keys = forms.BooleanField(required=False)


class TokenForm(forms.Form):
    """What a token is for, what it may do and how long."""

    name = forms.CharField(
        label=_("What it is for"),
        max_length=TOKEN_NAME_LENGTH_MAX,
        validators=[one_line],
        help_text=_("Such as the name of a script, so that you know it again."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ.value],
        error_messages={"required": _("Choose one or more.")},
    )
    expires = forms.ChoiceField(label=_("When it ends"), choices=EXPIRIES, initial="90", required=False)

    def expires_in(self) -> timedelta | None:
        """Give for how long it is good; None for ever."""
        days = self.cleaned_data["expires"]
        return timedelta(days=int(days)) if days else None


class CopyForm(forms.Form):
    """Which preset a new one is to be like."""

    copy = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class PasswordForm(PasswordChangeForm):
    """The old password and the new one, twice."""

    error_messages = PasswordChangeForm.error_messages | {
        "password_incorrect": _("This is not your password of now. Caps Lock may be on."),
        "password_mismatch": _("This is not the same as above."),
    }

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.fields["old_password"].label = _("Password of now")
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password1"].help_text = _(
            "At least 12 characters, not only digits, nothing like your name, and none that many people use."
        )
        self.fields["new_password2"].label = _("New password again")

    def clean_old_password(self) -> str:
        """Ask the guard of the login, which counts wrong ones: who has found a browser open cannot guess on here.

        test: test_password_of_now_is_not_guessed_without_limit.
        """
        old: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.get_username(), password=old) is None:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class RulesForm(forms.Form):
    """A preset with a field for each rule."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("By this name sessions choose it."),
        max_length=100,
        error_messages={"required": _("Enter a name, such as Microstock.")},
    )

    def __init__(self, *args: Any, preset: Preset | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preset = preset
        self.fields["name"].disabled = preset is not None and preset.is_default
        self.fields |= {field.key: _form_field(field) for field in FIELDS}

    def clean_name(self) -> str:
        """Refuse a name that cannot be read or is another preset's."""
        name = check_name(str(self.cleaned_data["name"]), self.preset)
        others = Preset.objects.filter(name=name)
        if self.preset is not None:
            others = others.exclude(pk=self.preset.pk)
        if others.exists():
            raise ValidationError(
                _("There is a preset %(name)s already: choose another name."), params={"name": name}
            )
        return name

    def clean(self) -> None:
        """Put the rules together from the fields, unless one of them is wrong."""
        if not self.errors:
            self.cleaned_data["rules"] = stored_rules(self.cleaned_data)


def _form_field(field: RuleField) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "help_text": field.hint, "required": False}
    if field.is_words:
        return WordsField(max_length=WORDS_LENGTH_MAX, **common)
    wrong = dict.fromkeys(("invalid", "min_value", "max_value"), field.advice)
    widget = forms.TextInput(attrs={"inputmode": "decimal"})
    return forms.DecimalField(
        min_value=0, max_value=field.highest, widget=widget, error_messages=wrong, **common
    )


class WordsField(forms.CharField):
    """Words, separated by commas."""

    def clean(self, value: Any) -> str:
        """Refuse what cannot be read, and commas with nothing between them. Raises ValidationError."""
        text = str(super().clean(value))
        if not text.isprintable() or (text and not text.replace(",", "").strip()):
            raise ValidationError(_("Enter words separated by commas, such as JPEG, PNG, or nothing."))
        return text


class NewSessionForm(forms.Form):
    """A folder, the rules to judge it by, and how often to save. It is checked by what the command checks."""

    source = forms.CharField(
        label=_("Folder with photos"),
        max_length=PATH_LENGTH_MAX,
        validators=[one_line],
        error_messages={"required": _("Give the path of a folder, such as /photos/2026/autumn.")},
    )
    recursive = forms.BooleanField(label=_("With the folders inside it"), required=False, initial=True)
    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_LENGTH_MAX,
        required=False,
        validators=[one_line],
        help_text=_("Left empty, it is called as the folder."),
    )
    preset = forms.CharField(label=_("Rules"), initial=DEFAULT_PRESET, max_length=100)
    checkpoint_interval = a_count(
        _("Save after every"),
        settings.CHECKPOINT_INTERVAL,
        _("photos. A crash costs fewer than twice as many."),
    )
    batch_size = a_count(_("Photos in a batch"), settings.BATCH_SIZE, _("What one worker takes at a time."))
    beside = forms.BooleanField(required=False, label=_("Begin another one beside it"))

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self.columns: dict[str, Any] = {}
        self.unfinished: ProcessingSession | None = None

    def counts(self) -> list[forms.BoundField]:
        """Give the two fields that are numbers of photos."""
        return [self["checkpoint_interval"], self["batch_size"]]

    def clean(self) -> dict[str, Any]:
        """Look whether a session can come of it; the columns are then ready. What is wrong stands at its field."""
        cleaned = self.cleaned_data
        if self.errors:
            return cleaned
        try:
            path = source_with_photos(absolute(cleaned["source"]), recursive=cleaned["recursive"])
        except (SourceRefused, NoPhotos) as error:
            self.add_error("source", ValidationError(str(error), code=type(error).__name__))
            return cleaned
        self._wish(path)
        self._look_for_another(path)
        return cleaned

    def _wish(self, path: bytes) -> None:
        asked = ("name", "recursive", "preset", "batch_size", "checkpoint_interval")
        wish = Wish(source=path, owner=self._user, **{name: self.cleaned_data[name] for name in asked})
        try:
            self.columns = wish.columns()
        except Unknown as error:
            self.add_error("preset", str(error))

    def _look_for_another(self, path: bytes) -> None:
        self.unfinished = open_session_of(path, ProcessingSession.objects.visible_to(self._user))
        if self.unfinished is not None and not self.cleaned_data["beside"]:
            self.add_error("beside", _("This folder has a session that is not finished."))


class LookForm(forms.Form):
    """Which folder is to be counted, or the count so far."""

    source = forms.CharField(max_length=PATH_LENGTH_MAX, required=False, validators=[one_line])
    recursive = forms.BooleanField(required=False)
    preset = forms.CharField(max_length=100, required=False)
    kept = forms.CharField(max_length=20_000, required=False)

    def count(self) -> DryCount:
        """Begin a count, or take up the one so far. Raises SourceRefused or CountLost, each with a sentence."""
        if self.cleaned_data["kept"]:
            return DryCount.read(self.cleaned_data["kept"])
        if not self.cleaned_data["source"]:
            raise CountLost(_("Give the path of a folder first."))
        path = readable_source(absolute(self.cleaned_data["source"]))
        return DryCount.begin(path, recursive=self.cleaned_data["recursive"])


def absolute(source: str) -> str:
    """Refuse a path that begins nowhere: the web process stands in no folder that a person would mean."""
    path = Path(source).expanduser() if source.startswith("~/") else Path(source)
    if not path.is_absolute():
        raise SourceRefused(
            f"The source {source!r} is not a whole path. Give it from the beginning, such as /photos."
        )
    return str(path)
