"""What a person may set."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page


@require_safe
@page
def settings(request: HtmxRequest) -> HttpResponse:
    """What a person may set."""
    return render(request, "processing/settings.html", {})
