"""Refusals of the administration, as entries of the audit log."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from processing.access import NotAllowed
from recovery import audit

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
REFUSED = "refused: The role of this person does not allow it."


def recorded_if_refused(action: audit.Action) -> Callable[[View], View]:
    """Let a view of the administration record whom it refuses to change something; looking is not recorded."""

    def decorate(view: View) -> View:
        @wraps(view)
        def recording(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(self, request, *args, **kwargs)
            except PermissionDenied as refusal:
                if request.method == "POST":
                    key = kwargs.get("object_id") or kwargs.get("id") or (args[0] if args else "")
                    _record(action, request, self.get_object(request, unquote(str(key))), refusal)
                raise

        return recording  # type: ignore[return-value]  # it takes what the view takes

    return decorate


def _record(action: audit.Action, request: HttpRequest, row: Any, refusal: PermissionDenied) -> None:
    """Name the row if there is one, and the fields that were sent; what was in them is nobody's business."""
    outcome = f"refused: {refusal}" if isinstance(refusal, NotAllowed) else REFUSED
    fields = sorted({*request.POST.keys()} - {"csrfmiddlewaretoken"})[:20]
    details = {"what": "" if row is None else str(row), "fields": fields}
    with transaction.atomic():
        audit.record(action, outcome=outcome, details=details, **audit.person_of(request))
