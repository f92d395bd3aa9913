"""What the frame around every page shows: whose page it is, and how many sessions wait for a decision."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from processing import access
from processing.models import ProcessingSession, Profile
from processing.models.profile import Theme


def profile_of(request: HttpRequest) -> Profile:
    """Give a person's settings; the defaults for who has never set any."""
    if not request.user.is_authenticated:
        return Profile()
    return Profile.objects.filter(user=request.user).first() or Profile(user=request.user)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give what `base.html` shows; read from the database only where the template asks for it."""
    return {
        "profile": SimpleLazyObject(lambda: profile_of(request)),
        "themes": Theme.choices,
        "enters_administration": SimpleLazyObject(lambda: access.may_enter_administration(request.user)),
        "interrupted": SimpleLazyObject(lambda: _Interrupted(request)),
    }


class _Interrupted:
    """The interrupted sessions that a person may see: a number that is counted once a page."""

    def __init__(self, request: HttpRequest) -> None:
        self.count = ProcessingSession.objects.visible_to(request.user).interrupted().count()
