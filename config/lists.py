"""Lists of the administration that cope with what they never offered."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

KEY_DIGITS_MAX = 18


class CheckedAdmin(AnyModelAdmin):
    """Lists that cope with what they never offered: a filter or a ticked row that cannot be one."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; what no database can keep filters nothing. test: test_list_of_the_administration_*."""
        asked = [text for name in {*request.GET} - {SEARCH_VAR} for text in request.GET.getlist(name)]
        if any("\0" in text or (text.isdecimal() and len(text) > KEY_DIGITS_MAX) for text in asked):
            self.message_user(request, _("There is no such filter: all rows are shown."), messages.WARNING)
            return redirect(request.path)
        return super().changelist_view(request, extra_context)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *more: Any, **options: Any
    ) -> HttpResponse | None:
        """Act on what was ticked, unless it can be no row. test: test_action_on_nothing_changes_nothing."""
        if all(self._is_key(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return super().response_action(request, queryset, *more, **options)
        told = _("What was ticked is no row of this list. Nothing was changed.")
        self.message_user(request, told, messages.WARNING)
        return None

    def _is_key(self, text: str) -> bool:
        try:
            self.opts.pk.clean(text, None)
        except ValidationError:
            return False
        return True
