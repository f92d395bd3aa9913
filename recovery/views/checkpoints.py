"""A session's checkpoints: which there are, whether they are intact, and what people do to them."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from processing import access, wording
from processing.models import ProcessingSession
from processing.views.guard import HtmxRequest, operated_session, page, person_of, seen_session
from recovery import checkpoint_acts, detection
from recovery.audit import Action, ActRefused
from recovery.chronicle import line_of
from recovery.forms import CleanupForm, PinForm, PlaceForm, TimelineForm
from recovery.instants import page_by
from recovery.ledger import Ledger
from recovery.models import Checkpoint
from recovery.views.around import context_around

CHECKPOINTS_PER_PAGE = 50


@require_safe
@page
def checkpoints(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """List a session's checkpoints, the newest first."""
    form = TimelineForm(request.GET)
    if not form.is_valid():
        raise BadRequest("The list of checkpoints was asked for something that it does not have.")
    detection.look()
    session = seen_session(request, session_id)
    return _shown(request, session, CleanupForm(), form.cleaned_data["before"])


def _shown(
    request: HtmxRequest,
    session: ProcessingSession,
    cleanup: CleanupForm,
    before: object = None,
    status: int = 200,
) -> HttpResponse:
    rows = Checkpoint.objects.filter(session=session)
    earlier = rows.filter(created_at__lt=before) if before else rows
    found, more = page_by(earlier, "created_at", CHECKPOINTS_PER_PAGE)
    keep = settings.CHECKPOINT_KEEP_COUNT
    context = context_around(request, session, "checkpoints") | {
        "lines": [line_of(one) for one in found],
        "more": more,
        "before": before,
        "cleanup": cleanup,
        "keep": keep,
        "unneeded_count": len(Checkpoint.objects.unneeded(Ledger(session), session.pk, keep)),
    }
    return render(request, "recovery/checkpoints.html", context, status=status)


@require_POST
@page
def verify(request: HtmxRequest, session_id: UUID, checkpoint_id: UUID) -> HttpResponse:
    """Look whether one checkpoint is as it was sealed, and say so."""
    session = seen_session(request, session_id)
    if not access.may_verify(request.user, session):
        raise access.NotAllowed(_("You may look at this session, but not verify it."))
    line = line_of(_find(session, checkpoint_id))
    if line.problem:
        messages.warning(request, _("{title}: {problem}").format(title=line.title, problem=line.problem))
    else:
        told = _(
            "{title} is intact: its seal, its link to the one before and its state are as they were written."
        )
        messages.success(request, told.format(title=line.title))
    return _back(request, session)


@require_POST
@page
def pin(request: HtmxRequest, session_id: UUID, checkpoint_id: UUID) -> HttpResponse:
    """Keep a checkpoint for ever, or no longer."""
    session = operated_session(request, session_id, Action.PIN)
    form = PinForm(request.POST)
    if not form.is_valid():
        raise BadRequest("A checkpoint is pinned (1) or unpinned (0).")
    found, keeps = _find(session, checkpoint_id), form.cleaned_data["keeps"] == "1"
    try:
        checkpoint_acts.pin(found, keeps=keeps, **person_of(request))
    except ActRefused as error:
        messages.warning(request, str(error))
        return _back(request, session)
    told = _("It is kept until you unpin it.") if keeps else _("It is kept as others of its type are.")
    messages.success(request, told)
    return _back(request, session)


@require_POST
@page
def clean_up(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Delete the checkpoints that nothing asks to keep."""
    session = operated_session(request, session_id, Action.CLEANUP)
    form = CleanupForm(request.POST)
    if not form.is_valid():
        return _shown(request, session, form, status=400)
    deleted = checkpoint_acts.clean_up(session.pk, form.cleaned_data["keep"], **person_of(request))
    told = ngettext("{count} checkpoint was deleted.", "{count} checkpoints were deleted.", deleted)
    messages.success(request, told.format(count=wording.grouped(deleted)))
    return redirect("session-checkpoints", session_id=session.pk)


def _find(session: ProcessingSession, checkpoint_id: UUID) -> Checkpoint:
    return get_object_or_404(Checkpoint.objects.filter(session=session), pk=checkpoint_id)


def _back(request: HtmxRequest, session: ProcessingSession) -> HttpResponse:
    form = PlaceForm(request.POST)
    if not form.is_valid():
        raise Http404
    return redirect(f"session-{form.cleaned_data['place'] or 'checkpoints'}", session_id=session.pk)
