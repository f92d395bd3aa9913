"""The sheet of keys as a page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page


@require_safe
@page
def keys(request: HtmxRequest) -> HttpResponse:
    """Show what the keys do."""
    return render(request, "processing/keys.html")
