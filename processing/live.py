"""One session's live part as everyone gets it who looks at the session within the same moment."""

import secrets

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string

from processing.overview import Overview

TEMPLATE = "processing/_session.html"
# Stands for each person's own token in what all of them share; nobody can have written it into a name.
TOKEN = secrets.token_hex(32)


class LivePart:
    """A session's part with its version, and its text once somebody has asked for it."""

    def __init__(self, overview: Overview) -> None:
        self.version, self.milestone = overview.version, overview.milestone
        self._overview = overview
        self._texts: dict[bool, str] = {}

    def answer(self, request: HttpRequest, *, shown: str, said: str) -> HttpResponse:
        """Say what is new to a page that shows one version and has said one milestone aloud: 204 for nothing."""
        if shown == self.version:
            return HttpResponse(status=204)
        text = self._text(says=said != self.milestone)
        return HttpResponse(text.replace(TOKEN, get_token(request)) if TOKEN in text else text)

    def _text(self, *, says: bool) -> str:
        """Make the text, but the second time take it; two who do so at once make the same."""
        if says not in self._texts:
            context = {"overview": self._overview, "says": says, "csrf_token": TOKEN}
            self._texts[says] = render_to_string(TEMPLATE, context)
        return self._texts[says]
