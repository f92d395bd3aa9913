"""What the page of settings asks of somebody who wants a token of the REST interface."""

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from processing.forms import one_line
from processing.models import Scope

NAME_LENGTH_MAX = 100
EXPIRIES = (("30", _("in 30 days")), ("90", _("in 90 days")), ("365", _("in a year")), ("", _("never")))


class TokenForm(forms.Form):
    """What a token is for, what it may do and how long."""

    name = forms.CharField(
        label=_("What it is for"),
        max_length=NAME_LENGTH_MAX,
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
