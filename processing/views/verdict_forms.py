"""What the pages of photos accept from people: a place among them, and verdicts on them."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from processing.forms import one_line
from processing.gallery import PHOTOS_PER_PAGE
from processing.overriding import SAYABLE as PERSONS
from processing.states import Verdict

NOTE_LENGTH_MAX = 500
REASON_LENGTH_MAX = 40
POSITION_DIGITS_MAX = 15
POSITION_MAX = 10**POSITION_DIGITS_MAX
POSITION = re.compile(rf"[0-9]{{1,{POSITION_DIGITS_MAX}}}")
PICKS_MAX = PHOTOS_PER_PAGE * 2
SAID_LENGTH_MAX = 1000
SAID = re.compile(r"\A[0-9]{1,15}(\.[0-9]{1,15})*\Z")
# The signed name of an act holds a person's, of 150 letters at most: up to 12 bytes each in JSON, 16 in Base64.
ACT_LENGTH_MAX = 2600
WITHDRAWN = "withdrawn"
SAYABLE = (*(one.value for one in PERSONS), WITHDRAWN)
ONE = re.compile(rf"\A({'|'.join(SAYABLE)}) [0-9]{{1,{POSITION_DIGITS_MAX}}}\Z")


class PositionsField(forms.Field):
    """Positions of photos, picked on a page; no more than a page has."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[int]:
        """Read the numbers. Raises ValidationError for what is none."""
        texts = value or []
        if len(texts) > PICKS_MAX:
            raise ValidationError(
                _("At most %(most)s photos can be picked at once."), params={"most": PICKS_MAX}
            )
        if not all(POSITION.fullmatch(text) for text in texts):
            raise ValidationError(_("What was picked is no photo of this page. Load it again."))
        return [int(text) for text in texts]


class PlaceForm(forms.Form):
    """Where a person is among a session's photos."""

    verdict = forms.ChoiceField(choices=[("", ""), *Verdict.choices], required=False)
    reason = forms.SlugField(max_length=REASON_LENGTH_MAX, required=False)
    after = forms.IntegerField(min_value=0, max_value=POSITION_MAX, required=False)
    said = forms.RegexField(SAID, max_length=SAID_LENGTH_MAX, required=False)
    act = forms.CharField(max_length=ACT_LENGTH_MAX, required=False)
    seen = forms.IntegerField(min_value=0, max_value=POSITION_MAX, required=False)


class VerdictForm(PlaceForm):
    """A person's verdict on one photo, or on those that were picked; `withdrawn` takes it back."""

    say = forms.ChoiceField(choices=[(one, one) for one in SAYABLE], required=False)
    one = forms.RegexField(ONE, max_length=40, required=False)
    pick = PositionsField(required=False)
    note = forms.CharField(max_length=NOTE_LENGTH_MAX, required=False, label=_("Note"), validators=[one_line])
    page = forms.ChoiceField(choices=[("", ""), ("photo", "photo")], required=False)

    def clean(self) -> dict[str, Any]:
        """Say which photos are meant and what is said of them. Raises ValidationError when one of the two is missing."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("one"):
            cleaned["say"], position = cleaned["one"].split()
            cleaned["pick"] = [int(position)]
        if not self.errors and not cleaned.get("pick"):
            raise ValidationError(_("No photo is picked. Tick one or more, then choose the verdict."))
        if not self.errors and not cleaned.get("say"):
            raise ValidationError(_("A verdict is missing: approve or reject."))
        return cleaned


class UndoForm(PlaceForm):
    """The act that is taken back, and the page on which it was done."""

    act = forms.CharField(max_length=ACT_LENGTH_MAX)
    pick = PositionsField(required=False)
    page = forms.ChoiceField(choices=[("", ""), ("photo", "photo")], required=False)


class AllForm(PlaceForm):
    """A person's verdict on all photos that match, with the count that the person was shown."""

    say = forms.ChoiceField(choices=[(one.value, one.label) for one in PERSONS])
    note = forms.CharField(max_length=NOTE_LENGTH_MAX, required=False, label=_("Note"), validators=[one_line])
    count = forms.IntegerField(min_value=0, max_value=POSITION_MAX, required=False)
