"""One's own tokens of the REST interface: made, shown once, revoked."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from processing.forms import TokenForm
from processing.models import ApiToken, Scope
from processing.views.guard import HtmxRequest, page, person_of, user_of
from processing.views.settings import settings_page
from recovery.audit import ActRefused
from recovery.token_acts import make_token, revoke_token


@require_POST
@page
def make(request: HtmxRequest) -> HttpResponse:
    """Make a token and show its text, this once: no page, cookie or cache keeps it."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return settings_page(request, status=400, token_form=form)
    scopes = [Scope(value) for value in form.cleaned_data["scopes"]]
    try:
        token, text = make_token(
            user_of(request), scopes, form.expires_in(), form.cleaned_data["name"], **person_of(request)
        )
    except ActRefused as refusal:
        return settings_page(request, status=409, token_form=form, refusal=str(refusal))
    return render(request, "processing/token.html", {"token": token, "text": text})


@require_POST
@page
def revoke(request: HtmxRequest, token_id: str) -> HttpResponse:
    """Revoke one of one's own tokens at once."""
    token = get_object_or_404(ApiToken.objects.select_related("user"), pk=token_id, user=user_of(request))
    try:
        revoke_token(token, **person_of(request))
    except ActRefused as refusal:
        return settings_page(request, status=409, refusal=str(refusal))
    messages.success(request, _("The token {name} is revoked.").format(name=token.name or token))
    return redirect("settings")
