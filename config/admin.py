"""What the administration of both apps shares: rows of the machine are looked at, never edited."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from processing import access
from processing.models import ProcessingSession

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyPaginator, AnyModelAdmin = Paginator, admin.ModelAdmin

ROWS_SHOWN_MAX = 5000
KEY_DIGITS_MAX = 18


class CappedPaginator(AnyPaginator):
    """Pages through the first rows of a table without counting the others.

    Counting 1.3 million results took 0.7 to 1.3 s a page; a stop after ROWS_SHOWN_MAX costs the same however
    many rows there are.
    """

    @cached_property
    def count(self) -> int:
        """Rows that can be paged through."""
        if not isinstance(self.object_list, QuerySet):
            raise TypeError("CappedPaginator pages through a QuerySet.")
        return self.object_list.order_by()[:ROWS_SHOWN_MAX].count()


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

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        """Act on what was ticked, unless it can be no row. test: test_action_on_nothing_changes_nothing."""
        if all(self._is_key(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return super().response_action(request, queryset)
        told = _("What was ticked is no row of this list. Nothing was changed.")
        self.message_user(request, told, messages.WARNING)
        return None

    def _is_key(self, text: str) -> bool:
        try:
            self.opts.pk.clean(text, None)
        except ValidationError:
            return False
        return True


class MachineRowAdmin(CheckedAdmin):
    """Rows that the machine writes: nobody adds, changes or deletes them here, not even a superuser.

    Whoever may not see the sessions of others sees here only rows of his own ones, found by `session_field`; an empty
    one means that the rows belong to no session.
    """

    session_field = "session"
    actions: Any = None
    paginator = CappedPaginator
    show_full_result_count = False
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give the rows that this person may see. test: test_administration_shows_rows_of_own_sessions_only."""
        rows = super().get_queryset(request)
        if not self.session_field or access.may_audit(request.user):
            return rows
        visible = ProcessingSession.objects.visible_to(request.user).order_by()
        return rows.filter(**{f"{self.session_field}__in": visible.values("pk")})

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 -- the admin's signature
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- the admin's signature
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- the admin's signature
        """Nobody deletes one."""
        return False
