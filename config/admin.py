"""What the administration of both apps shares: rows of the machine are looked at, never edited."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from config.lists import CheckedAdmin
from processing import access
from processing.models import ProcessingSession

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

ROWS_SHOWN_MAX = 5000


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

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Find a row; none has an id with a sign that PostgreSQL cannot even be asked for."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 -- the admin's signature
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- the admin's signature
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- the admin's signature
        """Nobody deletes one."""
        return False
