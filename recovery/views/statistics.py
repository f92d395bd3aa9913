"""How often it crashed, and what that cost."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page


@require_safe
@page
def statistics(request: HtmxRequest) -> HttpResponse:
    """How often it crashed, and what that cost."""
    return render(request, "recovery/statistics.html", {})
