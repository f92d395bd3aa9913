"""What people may send to the pages of recovery."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from processing.forms import one_line
from processing.models import ProcessingSession, SessionNotFound
from processing.models.session_set import SessionQuerySet
from recovery.audit import Action
from recovery.chronicle import Kind
from recovery.entries import Filter
from recovery.plans import RecoveryOption
from recovery.statistics import read_since

STATE_LENGTH_MAX = 80
NUMBER_MAX = 2**31 - 1
BATCH_MAX = 200
DEFAULT_SINCE = "30d"
DAYS = (
    MinValueValidator(date(1970, 1, 1), _("Enter a day from 1970 on.")),
    MaxValueValidator(date(2999, 12, 31), _("Enter a day before the year 3000.")),
)


class InstantField(forms.DateTimeField):
    """An instant that every database can compare: in UTC it still lies between the years 1 and 9999."""

    def clean(self, value: Any) -> datetime | None:
        """Read it. Raises ValidationError."""
        instant: datetime | None = super().clean(value)
        try:
            return instant and instant.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


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


class TimelineForm(forms.Form):
    """Which part of a timeline, or of a list of checkpoints, is asked for."""

    kind = forms.ChoiceField(choices=Kind.choices, required=False)
    before = InstantField(required=False, input_formats=["%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"])


class PinForm(forms.Form):
    """Whether a checkpoint is kept for ever."""

    keeps = forms.ChoiceField(choices=[("1", "1"), ("0", "0")])


class PlaceForm(forms.Form):
    """Which page an act leads back to."""

    place = forms.ChoiceField(
        choices=[("timeline", "timeline"), ("checkpoints", "checkpoints")], required=False
    )


class CleanupForm(forms.Form):
    """How many image checkpoints stay."""

    keep = forms.IntegerField(
        label=_("Image checkpoints that stay"),
        min_value=1,
        max_value=1000,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), _("Enter a whole number from 1 to 1,000.")
        ),
    )


class SinceForm(forms.Form):
    """The time that statistics cover."""

    since = forms.CharField(max_length=40, required=False)

    def clean_since(self) -> datetime | None:
        """Read 30d, 12h or an ISO date, as the command does; `all`: from the beginning."""
        text = self.cleaned_data["since"] or DEFAULT_SINCE
        if text == "all":
            return None
        try:
            return read_since(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class DashboardForm(forms.Form):
    """Which part of the dashboard is asked for, and what its page shows of it already."""

    part = forms.ChoiceField(choices=[("interrupted", "interrupted"), ("running", "running")], required=False)
    version = forms.CharField(max_length=40, required=False)
    looks = forms.BooleanField(required=False)


class AuditForm(forms.Form):
    """Which entries of the audit log are asked for."""

    who = forms.CharField(label=_("Who"), max_length=150, required=False, validators=[one_line])
    action = forms.ChoiceField(
        label=_("Action"),
        choices=[("", ""), *((action.value, action.value) for action in Action)],
        required=False,
    )
    session = forms.CharField(label=_("Session"), max_length=200, required=False)
    first = forms.DateField(label=_("From"), required=False, validators=DAYS)
    last = forms.DateField(label=_("To"), required=False, validators=DAYS)
    before = forms.IntegerField(label=_("Page"), min_value=0, max_value=2**62, required=False)

    def __init__(self, *args: Any, visible: SessionQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._visible = visible

    def clean_session(self) -> UUID | None:
        """Read a whole id, which may be that of a deleted session, or a unique prefix among those that are seen."""
        text = self.cleaned_data["session"].strip()
        if not text:
            return None
        try:
            return UUID(text)
        except ValueError:
            return self._named(text)

    def _named(self, text: str) -> UUID:
        try:
            return self._visible.named(text).pk
        except SessionNotFound as error:
            raise ValidationError(_("Give the id of a session, or its first digits.")) from error

    def wanted(self) -> Filter:
        """Give the filter."""
        asked = self.cleaned_data
        return Filter(asked["who"], asked["action"], asked["session"], asked["first"], asked["last"])
