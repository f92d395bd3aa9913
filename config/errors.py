"""Error pages in the look, with the id by which the request is found in the logs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from processing.access import NotAllowed


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django hands it in by name
    """Answer a request that cannot be understood."""
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that this person may not make, with the reason where one is known."""
    why = str(exception) if isinstance(exception, NotAllowed) else ""
    return render(request, "403.html", {"why": why}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django hands it in by name
    """Answer for what is not there, or not for this person."""
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when the page failed; the template asks the database nothing."""
    return render(request, "500.html", status=500)
