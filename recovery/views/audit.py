"""The audit page: who did what, filtered and page by page; verified; as CSV or JSON lines."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from processing import access, wording
from processing.management.sheets import csv_lines
from processing.models import ProcessingSession
from processing.views.guard import HtmxRequest, page, person_of
from recovery.audit import Action, record
from recovery.entries import (
    ACTIONS,
    VERIFIED_MAX,
    Filter,
    actors_of,
    exported_entries,
    newest_number,
    page_of,
    verified,
)
from recovery.entries import verify as verify_log
from recovery.forms import AuditForm
from recovery.published import entry_of

COLUMNS = ("number", "at", "actor", "action", "session", "outcome", "details", "mac", "address")
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


@require_safe
@page
def audit(request: HtmxRequest) -> HttpResponse:
    """Show who did what, the newest first."""
    form = _form(request)
    is_valid = form.is_valid()
    wanted = form.wanted() if is_valid else Filter()
    lines, more = page_of(request.user, wanted, form.cleaned_data.get("before")) if is_valid else ([], None)
    context: dict[str, Any] = {
        "form": form,
        "lines": lines,
        "more": more,
        "before": form.cleaned_data.get("before"),
        "query": _query(form),
        "actors": actors_of(request.user),
        "actions": [(action.value, word) for action, word in ACTIONS.items()],
        "may_audit": access.may_audit(request.user),
        "verified": verified(),
        "since": newest_number() - (known.number if (known := verified()) else 0),
        "is_long": newest_number() > VERIFIED_MAX,
    }
    return render(request, "recovery/audit.html", context, status=200 if is_valid else 400)


@require_POST
@page
def verify(request: HtmxRequest) -> HttpResponse:
    """Verify the whole log now."""
    if not access.may_audit(request.user):
        raise access.NotAllowed(_("Only Auditors and Administrators may verify the audit log."))
    found = verify_log()
    if found is None:
        told = _("The log has more than {count} entries: verify it by `manage.py audit verify`.")
        messages.warning(request, told.format(count=wording.grouped(VERIFIED_MAX)))
    elif found.problems:
        messages.warning(
            request, _("The log is not as it was written. {first}").format(first=found.problems[0])
        )
    else:
        told = _("The log is as it was written: {count} entries.")
        messages.success(request, told.format(count=wording.grouped(found.number)))
    return redirect("audit")


@require_safe
@page
def export(request: HtmxRequest, file_format: str) -> HttpResponseBase:
    """Send the entries that are asked for as a file; that they were taken out is an entry itself."""
    if file_format not in FORMATS:
        raise Http404
    form = _form(request)
    if not form.is_valid():
        return audit(request)
    _record_export(request, file_format, form)
    published = (entry_of(entry) for entry in exported_entries(request.user, form.wanted()))
    lines = csv_lines(COLUMNS, published) if file_format == "csv" else _json_lines(published)
    response = StreamingHttpResponse(lines, content_type=FORMATS[file_format])
    response.headers["Content-Disposition"] = f'attachment; filename="audit.{file_format}"'
    return response


def _form(request: HttpRequest) -> AuditForm:
    return AuditForm(request.GET, visible=ProcessingSession.objects.visible_to(request.user))


def _record_export(request: HttpRequest, file_format: str, form: AuditForm) -> None:
    details = {"what": "audit", "format": file_format, "filter": _query(form)}
    with transaction.atomic():
        record(Action.EXPORT, details=details, **person_of(request))


def _json_lines(published: Iterator[dict[str, Any]]) -> Iterator[str]:
    for one in published:
        yield json.dumps({"type": "audit", **one}, ensure_ascii=False) + "\n"


def _query(form: AuditForm) -> str:
    """Write the filter as the query of an address, without the page."""
    given = {name: form.data.get(name, "") for name in form.fields if name != "before"}
    return urlencode({name: value for name, value in given.items() if value})
