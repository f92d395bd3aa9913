"""What the pages around one session share: its head, and what this person may do there."""

from typing import Any

from processing import access
from processing.headlines import headline_of, refusals_of
from processing.models import ProcessingSession
from processing.snapshots import snapshots_of
from processing.views.guard import HtmxRequest


def context_around(request: HtmxRequest, session: ProcessingSession, place: str) -> dict[str, Any]:
    """Give what `_pagehead.html` and the acts on checkpoints ask for; `place` is where an act leads back to."""
    may_operate = access.may_operate(request.user, session)
    return {
        "session": session,
        "headline": headline_of(snapshots_of([session])[0]),
        "refusals": refusals_of(session, may_operate=may_operate),
        "may_operate": may_operate,
        "may_verify": access.may_verify(request.user, session),
        "place": place,
    }
