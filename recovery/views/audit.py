"""Who did what."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page


@require_safe
@page
def audit(request: HtmxRequest) -> HttpResponse:
    """Who did what."""
    return render(request, "recovery/audit.html", {})
