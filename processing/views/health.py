"""The sign of life."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers. It asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")
