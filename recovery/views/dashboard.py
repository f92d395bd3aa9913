"""What was interrupted, what runs, and what went wrong."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page


@require_safe
@page
def dashboard(request: HtmxRequest) -> HttpResponse:
    """What was interrupted, what runs, and what went wrong."""
    return render(request, "recovery/dashboard.html", {})
