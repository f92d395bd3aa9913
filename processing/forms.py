"""What pages accept from people."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from processing.analysis.verdict import RULES
from processing.models import Preset
from processing.models.preset import DEFAULT_PRESET
from processing.models.profile import Theme
from processing.models.session_set import TABS
from processing.preset_fields import FIELDS, RuleField, stored_rules

if TYPE_CHECKING:
    PresetModelForm = forms.ModelForm[Preset]
else:
    PresetModelForm = forms.ModelForm

WHY_LENGTH_MAX = 200
WORDS_LENGTH_MAX = 200
RULES_LENGTH_MAX = 10_000


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
    )


class LoginForm(AuthenticationForm):
    """Name and password. What was wrong with them is not said, so that names cannot be guessed."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": _("Name and password do not belong together."),
    }


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


class CopyForm(forms.Form):
    """Which preset a new one is to be like."""

    copy = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class PasswordForm(PasswordChangeForm):
    """The old password and the new one, twice."""

    error_messages = PasswordChangeForm.error_messages | {
        "password_incorrect": _("This is not your password of now. Caps Lock may be on."),
        "password_mismatch": _("This is not the same as above."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Password of now")
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password1"].help_text = _(
            "At least 12 characters, not only digits, nothing like your name, and none that many people use."
        )
        self.fields["new_password2"].label = _("New password again")


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
