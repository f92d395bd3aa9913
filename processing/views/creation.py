"""A new session."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.views.guard import HtmxRequest, page


@require_safe
@page
def new_session(request: HtmxRequest) -> HttpResponse:
    """A new session."""
    return render(request, "processing/creation.html", {})
