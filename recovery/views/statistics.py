"""How often it crashed, how recoveries went, and what that cost."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from processing import access
from processing.models import ProcessingSession
from processing.views.guard import HtmxRequest, page
from recovery import detection
from recovery.figures import figures_of
from recovery.forms import DEFAULT_SINCE, SinceForm

SPANS = {"7d": _("7 days"), "30d": _("30 days"), "90d": _("90 days"), "all": _("All times")}


@require_safe
@page
def statistics(request: HtmxRequest) -> HttpResponse:
    """Show the statistics of the sessions that a person may see, of a span of time."""
    detection.look()
    form = SinceForm(request.GET)
    context = {
        "form": form,
        "spans": SPANS.items(),
        "span": request.GET.get("since") or DEFAULT_SINCE,
        "sees_all": access.may_audit(request.user),
    }
    if form.is_valid():
        visible = ProcessingSession.objects.visible_to(request.user)
        context["figures"] = figures_of(form.cleaned_data["since"], visible)
        return render(request, "recovery/statistics.html", context)
    return render(request, "recovery/statistics.html", context, status=400)
