"""The administration's site: who may come in, and with which form."""

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from processing import access


class EntranceForm(AdminAuthenticationForm):
    """Name and password of somebody who may come in; what was wrong is not said."""

    def confirm_login_allowed(self, user: User) -> None:
        """Refuse whom no role lets in. Raises ValidationError."""
        if not access.may_enter_administration(user):
            raise forms.ValidationError(
                self.error_messages["invalid_login"],
                code="invalid_login",
                params={"username": self.username_field.verbose_name},
            )


class StockproofSite(AdminSite):
    """Staff come in, and so do Administrators and Auditors; what each of them sees is another question."""

    site_header = site_title = "Stockproof"
    index_title = _("Administration")
    login_form = EntranceForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Say whether this person may come in."""
        return access.may_enter_administration(request.user)

    def password_change(  # type: ignore[override]  # a redirect is an answer too
        self,
        request: HttpRequest,  # noqa: ARG002 -- the admin's signature
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002 -- the admin's signature
    ) -> HttpResponse:
        """Lead to our own page, which keeps what it does in the audit log."""
        return redirect("settings-password")
