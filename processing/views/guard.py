"""What every page shares: who may see it and who may press its buttons, and what is page and what is part."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from processing import access
from processing.models import ProcessingSession
from processing.sources import SourceOutside
from recovery import acts, audit


class HtmxRequest(HttpRequest):
    """A request that says whether HTMX asks for a part."""

    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]
person_of = audit.person_of


def page(view: View) -> View:
    """Refuse strangers, keep answers out of caches, and tell the part from the page.

    A part that a stranger asks for sends the whole page to the login, instead of a login inside the part.
    """

    return never_cache(vary_on_headers("HX-Request")(picture_page(view)))


def picture_page(view: View) -> View:
    """Refuse strangers as `page` does; the view says how long the person's own browser may keep the answer."""

    @wraps(view)
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            login = redirect_to_login(request.htmx.current_url_abs_path or "/")
            return HttpResponseClientRedirect(login.url)
        return redirect_to_login(_way_back(request))

    return guarded


def _way_back(request: HttpRequest) -> str:
    """Give the page to go on with after the login: a button's address shows nothing, so the page with the button.

    test: test_button_that_is_pressed_after_the_sign_in_has_ended_leads_back_to_its_page.
    """
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    page_url = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(page_url, {request.get_host()}, request.is_secure())
    return urlsplit(page_url)._replace(scheme="", netloc="").geturl() or "/" if is_ours else "/"


def user_of(request: HttpRequest) -> User:
    """Give who asks. Raises TypeError for strangers, whom `page` has not let in."""
    if not isinstance(request.user, User):
        raise TypeError("A page is asked by nobody.")
    return request.user


def seen_session(request: HttpRequest, session_id: UUID) -> ProcessingSession:
    """Find a session that this person may see; everyone else learns nothing of it, not even that it exists."""
    visible = ProcessingSession.objects.visible_to(request.user).select_related("owner")
    return get_object_or_404(visible, pk=session_id)


def glimpsed_session(request: HttpRequest, session_id: UUID) -> ProcessingSession:
    """Find a session as `seen_session` does, but read only whose it is."""
    visible = ProcessingSession.objects.visible_to(request.user).only("pk", "owner")
    return get_object_or_404(visible, pk=session_id)


def operated_session(request: HttpRequest, session_id: UUID, action: audit.Action) -> ProcessingSession:
    """Find a session with which this person may do something. Raises NotAllowed for who may only look."""
    session = seen_session(request, session_id)
    if not access.may_operate(request.user, session):
        refuse(request, action, _("You may look at this session, but not change it."), session)
    return session


def note_outside(request: HttpRequest, form: Form) -> None:
    """Record it where somebody has asked for a folder that sessions may not read."""
    if form.has_error("source", SourceOutside.__name__):
        acts.note_outside(form.cleaned_data.get("source") or form.data["source"], **person_of(request))


def refuse(
    request: HttpRequest, action: audit.Action, why: str, session: ProcessingSession | None = None
) -> None:
    """Refuse an act to somebody whose role does not allow it: 403 with the sentence, and an audit entry."""
    with transaction.atomic():
        audit.record(
            action,
            session=None if session is None else session.pk,
            outcome=f"refused: {why}",
            **person_of(request),
        )
    raise access.NotAllowed(why)
