"""What pages accept from people."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from processing.analysis.verdict import RULES
from processing.models import Preset
from processing.models.session_set import TABS

if TYPE_CHECKING:
    PresetModelForm = forms.ModelForm[Preset]
else:
    PresetModelForm = forms.ModelForm

WHY_LENGTH_MAX = 200


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

    def prepare_value(self, value: Any) -> Any:
        """Show the rules with one name a line; what a person typed stays as it is."""
        if isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        """Read the text. Raises ValidationError with line and column of the first mistake."""
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValidationError(
                _("Line %(line)s, column %(column)s is not JSON: %(why)s."),
                params={"line": error.lineno, "column": error.colno, "why": error.msg},
            ) from error


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
