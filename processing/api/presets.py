"""Presets: the rules that photos are judged by."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Status

from config.problems import problem
from processing import access
from processing.api import shapes
from processing.callers import needs
from processing.forms import RULES_LENGTH_MAX, check_name
from processing.idempotency import PARAMETER
from processing.models import Preset, Scope
from processing.models.preset import check_rules
from processing.schemas import LIMIT_DEFAULT, Limit, refusals
from processing.views.guard import person_of, refuse
from recovery.audit import Action
from recovery.presets import add_preset

router = Router(tags=["presets"])


@router.get(
    "presets",
    auth=needs(Scope.READ),
    response=shapes.PresetPage,
    operation_id="list_presets",
    summary="List presets",
    openapi_extra={"responses": refusals()},
)
def list_presets(
    request: HttpRequest,  # noqa: ARG001 -- ninja hands it in
    after: shapes.PresetName | None = None,
    limit: Limit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    """List the presets by name, each with its rules."""
    listed = Preset.objects.order_by("name")
    found = list((listed if after is None else listed.filter(name__gt=after))[: limit + 1])
    following = found[limit - 1].name if len(found) > limit else None
    return {"items": [_told(preset) for preset in found[:limit]], "next": following}


@router.post(
    "presets",
    auth=needs(Scope.ADMIN),
    response={201: shapes.Preset},
    operation_id="create_preset",
    summary="Add a preset",
    openapi_extra={"responses": refusals(409), "parameters": [PARAMETER]},
)
def create_preset(request: HttpRequest, body: shapes.PresetRequest) -> Any:
    """Add rules under a name, by which sessions choose them."""
    if not access.may_change_presets(request.user, "add"):
        refuse(request, Action.PRESET, _("Your role does not allow changing presets."))
    try:
        check_name(body.name, None)
        _check_size(body.rules)
        check_rules(body.rules)
    except ValidationError as error:
        return _say_why_not(request, error)
    return Status(201, _told(add_preset(body.name, body.rules, **person_of(request))))


def _check_size(rules: dict[str, Any]) -> None:
    """Refuse rules that the page would not take either. Raises ValidationError."""
    if len(json.dumps(rules)) > RULES_LENGTH_MAX:
        raise ValidationError(
            _("The rules are longer than %(max)s characters."), params={"max": RULES_LENGTH_MAX}
        )


def _say_why_not(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return problem(request, 422, "usage", " ".join(error.messages))


def _told(preset: Preset) -> dict[str, Any]:
    return {"name": preset.name, "rules": preset.rules, "is_default": preset.is_default}
