"""Presets: a form with a field for each rule, to add, copy and change one; and removing one, with its undo."""

from typing import Literal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from processing import access
from processing.forms import CopyForm, RulesForm
from processing.models import Preset
from processing.preset_fields import shown_rules
from processing.views.guard import HtmxRequest, page, person_of, refuse
from processing.views.settings import REMOVED_PRESET, settings_page
from recovery.audit import Action, ActRefused
from recovery.presets import add_preset, change_preset, remove_preset


@require_http_methods(["GET", "HEAD", "POST"])
@page
def new_preset(request: HtmxRequest) -> HttpResponse:
    """Ask for a preset, empty or as another one is, then add it."""
    _require(request, "add")
    if request.method == "POST":
        return _store(request, RulesForm(request.POST), None)
    return _draw(request, RulesForm(initial=_initial(request)), None)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def preset(request: HtmxRequest, preset_id: int) -> HttpResponse:
    """Show one preset's rules to be changed, then change them."""
    _require(request, "change")
    found = get_object_or_404(Preset, pk=preset_id)
    initial = {"name": found.name, **shown_rules(found.rules)}
    if request.method == "POST":
        return _store(request, RulesForm(request.POST, preset=found, initial=initial), found)
    return _draw(request, RulesForm(preset=found, initial=initial), found)


@require_POST
@page
def delete_preset(request: HtmxRequest, preset_id: int) -> HttpResponse:
    """Remove a preset at once; the next page offers to take that back."""
    _require(request, "delete")
    found = get_object_or_404(Preset, pk=preset_id)
    kept = {"name": found.name, "rules": found.rules}
    try:
        remove_preset(found, **person_of(request))
    except ActRefused as refusal:
        return settings_page(request, status=409, refusal=str(refusal))
    request.session[REMOVED_PRESET] = kept
    return redirect("settings")


@require_POST
@page
def restore_preset(request: HtmxRequest) -> HttpResponse:
    """Add the preset again that this person has removed last."""
    _require(request, "add")
    kept = request.session.get(REMOVED_PRESET)
    if kept is None:
        return settings_page(request, status=409, refusal=_("There is no removed preset to bring back."))
    try:
        add_preset(kept["name"], kept["rules"], **person_of(request))
    except ActRefused as refusal:
        return settings_page(request, status=409, refusal=str(refusal))
    del request.session[REMOVED_PRESET]
    messages.success(request, _("The preset {name} is back.").format(name=kept["name"]))
    return redirect("settings")


def _require(request: HtmxRequest, step: Literal["add", "change", "delete"]) -> None:
    if not access.may_change_presets(request.user, step):
        refuse(request, Action.PRESET, _("Your role does not allow changing presets."))


def _initial(request: HtmxRequest) -> dict[str, str]:
    """Give the rules of the preset that is to be copied, with a name of its own; nothing for a new one."""
    form = CopyForm(request.GET)
    if not form.is_valid() or form.cleaned_data["copy"] is None:
        return {}
    found = get_object_or_404(Preset, pk=form.cleaned_data["copy"])
    return {"name": _("{name}, copy").format(name=found.name)[:100], **shown_rules(found.rules)}


def _store(request: HtmxRequest, form: RulesForm, found: Preset | None) -> HttpResponse:
    if not form.is_valid():
        return _draw(request, form, found, status=400)
    name, rules = form.cleaned_data["name"], form.cleaned_data["rules"]
    try:
        if found is None:
            add_preset(name, rules, **person_of(request))
        else:
            change_preset(found, name, rules, **person_of(request))
    except ActRefused as refusal:
        return _draw(request, form, found, status=409, refusal=str(refusal))
    messages.success(
        request, _("The preset {name} is saved. Sessions that have begun keep theirs.").format(name=name)
    )
    return redirect("settings")


def _draw(
    request: HtmxRequest, form: RulesForm, found: Preset | None, *, status: int = 200, refusal: str = ""
) -> HttpResponse:
    context = {"form": form, "preset": found, "refusal": refusal}
    return render(request, "processing/preset.html", context, status=status)
