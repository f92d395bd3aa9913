"""Adding, changing and removing presets: for the page and the administration, each with its entry in the audit log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from processing.models import Preset
from recovery.audit import Action, ActRefused, audited, record


def add_preset(name: str, rules: Mapping[str, Any], **person: Any) -> Preset:
    """Add a preset; `person` is `actor` and `address`. Raises ActRefused when the name is taken meanwhile."""
    with _recorded(name, rules, "added", **person):
        return Preset.objects.create(name=name, rules=dict(rules))


def change_preset(preset: Preset, name: str, rules: Mapping[str, Any], **person: Any) -> None:
    """Give a preset another name and other rules; sessions keep the copy that they began with. Raises ActRefused."""
    with _recorded(name, rules, "changed", **person):
        _require_same_name(preset, name)
        if not Preset.objects.filter(pk=preset.pk).update(name=name, rules=dict(rules)):
            raise _gone(preset)


def remove_preset(preset: Preset, **person: Any) -> None:
    """Remove a preset; sessions keep their copy. Raises ActRefused for the default one, and where there is none."""
    with _recorded(preset.name, preset.rules, "removed", **person):
        if preset.is_default:
            raise ActRefused(f"The preset {preset.name!r} stays: sessions get it when nobody names another.")
        if not Preset.objects.filter(pk=preset.pk).delete()[0]:
            raise _gone(preset)


def _gone(preset: Preset) -> ActRefused:
    return ActRefused(f"The preset {preset.name!r} is not there any more: somebody has removed it.")


@contextmanager
def _recorded(name: str, rules: Mapping[str, Any], change: str, **person: Any) -> Iterator[None]:
    """Record an act on a preset, a refused one too; a name that somebody took meanwhile is a refusal."""
    with audited(Action.PRESET, details=details_of(name, rules, change), **person):
        try:
            # A failed statement must not end the transaction, in which the refusal is told from success.
            with transaction.atomic():
                yield
        except IntegrityError as error:
            raise ActRefused(f"There is a preset {name!r} already: choose another name.") from error


def _require_same_name(preset: Preset, name: str) -> None:
    if preset.is_default and name != preset.name:
        raise ActRefused(
            f"The preset {preset.name!r} keeps its name: sessions get it when nobody names another."
        )


def record_preset(preset: Preset, change: str, **person: Any) -> None:
    """Record what the administration does to a preset, in the transaction that it has opened."""
    record(Action.PRESET, details=details_of(preset.name, preset.rules, change), **person)


def details_of(name: str, rules: Mapping[str, Any], change: str) -> dict[str, Any]:
    """Give what an entry says of a preset."""
    return {"preset": name, "change": change, "rules": dict(rules)}
