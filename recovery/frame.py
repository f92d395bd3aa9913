"""What the frame around every page needs to know of crashes: whether its reader is to be told of one."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from recovery.waiting import news_for

# Nobody is interrupted at a photo, and the pages of recovery say it themselves.
QUIET = {
    "session-results",
    "session-photo",
    "session-recovery",
    "session-undo",
    "recovery",
    "recovery-batch",
    "recovery-dialog",
}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give what `base.html` asks; read from the database only where the template asks for it."""
    return {"has_news": SimpleLazyObject(lambda: _has_news(request))}


def _has_news(request: HttpRequest) -> bool:
    match = request.resolver_match
    if match is None or match.url_name in QUIET or not request.user.is_authenticated:
        return False
    return news_for(request.user) is not None
