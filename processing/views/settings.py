"""What a person may set: appearance, keys, password and where that person is signed in."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from processing import access
from processing.forms import KeysForm, PasswordForm, ThemeForm, TokenForm
from processing.models import ApiToken, Preset, Profile
from processing.views.guard import HtmxRequest, page, person_of, user_of
from recovery import audit
from recovery.leaving import leave_everywhere

REMOVED_PRESET = "removed_preset"


@require_safe
@page
def settings(request: HtmxRequest) -> HttpResponse:
    """Show what a person may set."""
    return settings_page(request)


def settings_page(request: HtmxRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    """Draw the page of settings; `context` tells what was wrong with one of its forms."""
    rights = {step: access.may_change_presets(request.user, step) for step in ("add", "change", "delete")}
    shown = {
        "presets": Preset.objects.order_by("name", "pk"),
        "rights": rights,
        "removed": request.session.get(REMOVED_PRESET),
        "tokens": ApiToken.objects.filter(user=user_of(request), revoked_at=None).order_by(
            "-created_at", "pk"
        ),
        "token_form": TokenForm(),
    }
    return render(request, "processing/settings.html", shown | context, status=status)


@require_POST
@page
def appearance(request: HtmxRequest) -> HttpResponse:
    """Store which colors a person wants, and go back to where that was chosen."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return settings_page(request, status=400, theme_form=form)
    _store(request, theme=form.cleaned_data["theme"])
    following = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure())
    # Not `redirect`, which takes a word for the name of an address.
    return HttpResponseRedirect(following if is_ours and following.startswith("/") else reverse("settings"))


@require_POST
@page
def keys(request: HtmxRequest) -> HttpResponse:
    """Store whether single keys act."""
    form = KeysForm(request.POST)
    form.full_clean()
    _store(request, has_keys=form.cleaned_data["has_keys"])
    messages.success(
        request, _("Single keys act.") if form.cleaned_data["has_keys"] else _("Single keys do nothing.")
    )
    return redirect("settings")


def _store(request: HttpRequest, **columns: Any) -> None:
    Profile.objects.update_or_create(user=user_of(request), defaults=columns)


@require_POST
@page
def sign_out_everywhere(request: HtmxRequest) -> HttpResponse:
    """End all sessions of this person, in this browser too."""
    leave_everywhere(user_of(request).pk, **person_of(request))
    request.session.flush()
    return redirect("login")


class PasswordPage(PasswordChangeView):
    """A new password; it ends this person's other sessions, and this one goes on under a new key."""

    form_class = PasswordForm
    template_name = "processing/password.html"
    success_url = reverse_lazy("settings")

    def get_form_kwargs(self) -> dict[str, Any]:
        """Hand the request on, for the guard."""
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        """Store it, with the entry in the audit log."""
        with transaction.atomic():
            response = super().form_valid(form)
            details = {"everywhere_else": True, "because": "The password was changed."}
            audit.record(audit.Action.LOGOUT, details=details, **person_of(self.request))
        messages.success(self.request, _("The password is changed. Other browsers are signed out."))
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say beside the field what was wrong."""
        return self.render_to_response(self.get_context_data(form=form), status=400)


password = page(PasswordPage.as_view())
