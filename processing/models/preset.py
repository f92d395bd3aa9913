"""The rules that a photo is judged by; a session keeps a copy, so that editing one changes no past verdict."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from processing.analysis.verdict import validate_rules

DEFAULT_PRESET = "Adobe Stock"


def check_rules(rules: object) -> None:
    """Refuse rules that a verdict could not be reached with, in a sentence beside the field."""
    if not isinstance(rules, dict):
        raise ValidationError(_("The rules must be an object of names and limits."))
    try:
        validate_rules(rules)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    if not all(word.isprintable() for words in rules.values() if isinstance(words, list) for word in words):
        raise ValidationError(_("A word has a character in it that cannot be read: type it anew."))


class Preset(models.Model):
    """A named set of limits."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    rules = models.JSONField(_("rules"), validators=[check_rules])

    objects: ClassVar[models.Manager["Preset"]] = models.Manager()

    class Meta:
        verbose_name = _("preset")
        verbose_name_plural = _("presets")

    def __str__(self) -> str:
        return self.name

    @property
    def is_default(self) -> bool:
        """Whether sessions get it when nobody says otherwise; it keeps its name and is never removed."""
        return self.name == DEFAULT_PRESET
