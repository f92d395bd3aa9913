"""Several interrupted sessions at once: the banner that says so, and the button that continues them."""

from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from processing import access
from processing.models import ProcessingSession
from processing.views.guard import HtmxRequest, page, person_of, refuse
from recovery import detection
from recovery.audit import Action
from recovery.automatic import recover_each
from recovery.forms import BannerForm, BatchForm
from recovery.many import Many, many_of, stored_many
from recovery.waiting import LOOKED_MAX, waiting_for, waiting_of

STORED = "recovery_batch"


@require_safe
@page
def banner(request: HtmxRequest) -> HttpResponse:
    """Say which sessions wait and which of them are surely safe; 204 while that is what is shown."""
    form = BannerForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The banner says that it shows something that it cannot show.")
    if not request.htmx:
        return redirect("sessions")
    if form.cleaned_data["part"]:
        return render(
            request, "recovery/_safe_button.html", {"waiting": waiting_of(request.user, looks=True)}
        )
    if waiting_of(request.user).named(looks=True) == form.cleaned_data["version"]:
        return HttpResponse(status=204)
    return render(request, "recovery/_banner.html", {"waiting": waiting_of(request.user, looks=True)})


@require_http_methods(["GET", "HEAD", "POST"])
@page
def batch(request: HtmxRequest) -> HttpResponse:
    """Continue some sessions, or all that are surely safe; then show what became of each."""
    if request.method == "POST":
        return _recover(request)
    stored = request.session.get(STORED)
    if not stored:
        return redirect("recovery")
    visible = ProcessingSession.objects.visible_to(request.user)
    return _shown(request, stored_many(stored, visible))


def _recover(request: HtmxRequest) -> HttpResponse:
    detection.look()
    form = BatchForm(request.POST, visible=ProcessingSession.objects.visible_to(request.user))
    if not access.may_operate(request.user):
        refuse(request, Action.RECOVER, _("You may look at sessions, but not change them."))
    if not form.is_valid():
        errors = [str(error) for errors in form.errors.values() for error in errors]
        return _shown(request, None, errors=errors, status=400)
    is_all = form.cleaned_data["all_safe"]
    chosen = list(waiting_for(request.user)[:LOOKED_MAX] if is_all else form.cleaned_data["ids"])
    for session in chosen:
        if not access.may_operate(request.user, session):
            refuse(request, Action.RECOVER, _("You may look at this session, but not change it."), session)
    person = person_of(request)
    policy = "safe" if is_all else "always"
    outcomes = recover_each(chosen, policy, by=person["actor"], address=person["address"])
    request.session[STORED] = many_of(outcomes)
    return HttpResponseRedirect(reverse("recovery-batch"), status=303)


def _shown(
    request: HtmxRequest, many: Many | None, *, errors: list[str] | None = None, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"many": many, "errors": errors or []}
    context["waiting"] = waiting_of(request.user)
    return render(request, "recovery/batch.html", context, status=status)
