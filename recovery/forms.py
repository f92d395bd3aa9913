"""What people may send to the pages of recovery."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from processing.models import ProcessingSession
from processing.models.session_set import SessionQuerySet
from recovery.plans import RecoveryOption

STATE_LENGTH_MAX = 80
NUMBER_MAX = 2**31 - 1
BATCH_MAX = 200


class LookForm(forms.Form):
    """What of a session's recovery is asked for: a part, a checkpoint to go back to, what was done."""

    part = forms.ChoiceField(choices=[("ways", ""), ("undo", ""), ("now", "")], required=False)
    checkpoint = forms.UUIDField(required=False)
    done = forms.IntegerField(min_value=1, max_value=NUMBER_MAX, required=False)
    undone = forms.IntegerField(min_value=1, max_value=NUMBER_MAX, required=False)
    look = forms.BooleanField(required=False)
    version = forms.CharField(max_length=32, required=False)


class RecoverForm(forms.Form):
    """Which way back a person takes, out of which state, and whether that was confirmed."""

    option = forms.ChoiceField(
        choices=[(option.value, option.value) for option in RecoveryOption],
        error_messages={
            "required": _("Choose one of the ways."),
            "invalid_choice": _("There is no such way back. Choose one of those that are shown."),
        },
    )
    state = forms.CharField(
        max_length=STATE_LENGTH_MAX,
        error_messages={"required": _("The form did not say which state it showed. Look again and decide.")},
    )
    checkpoint = forms.UUIDField(
        required=False, error_messages={"invalid": _("That is not the id of a checkpoint.")}
    )
    confirmed = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """Demand the second, explicit yes of a fresh start."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("option") == RecoveryOption.FRESH_START and not cleaned.get("confirmed"):
            self.add_error("confirmed", _("A fresh start puts every verdict aside. Tick this to say yes."))
        return cleaned


class UndoForm(forms.Form):
    """Which recovery is undone, and the session's attempt that was shown."""

    number = forms.IntegerField(
        min_value=1,
        max_value=NUMBER_MAX,
        error_messages={
            "required": _("The form did not say which recovery to undo."),
            "invalid": _("A recovery has a whole number."),
        },
    )
    attempt = forms.IntegerField(
        min_value=0,
        max_value=NUMBER_MAX,
        error_messages={
            "required": _("The form did not say which state it showed."),
            "invalid": _("An attempt has a whole number."),
        },
    )


class BannerForm(forms.Form):
    """What a banner already shows, when it asks for something newer, or its one button."""

    part = forms.ChoiceField(choices=[("button", "")], required=False)
    version = forms.CharField(max_length=32, required=False)


class BatchForm(forms.Form):
    """Which sessions are to go on: some, or all that are surely safe."""

    ids = forms.ModelMultipleChoiceField(
        queryset=ProcessingSession.objects.none(),
        required=False,
        error_messages={
            "invalid_choice": _("There is no session “%(value)s”, or it belongs to somebody else."),
        },
    )
    all_safe = forms.BooleanField(required=False)

    def __init__(self, *args: Any, visible: SessionQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ids"].queryset = visible.order_by("-crashed_at", "-pk")  # type: ignore[attr-defined]  # of this field

    def clean(self) -> dict[str, Any]:
        """Refuse nothing at all, and more than can be done while a person waits."""
        cleaned = super().clean() or self.cleaned_data
        ids = cleaned.get("ids")
        if not self.errors and not ids and not cleaned.get("all_safe"):
            self.add_error("ids", _("Choose at least one session."))
        if ids is not None and len(ids) > BATCH_MAX:
            self.add_error("ids", _("Choose at most {count} sessions at once.").format(count=BATCH_MAX))
        return cleaned
