"""The audit log: what a person may see of it, and whether it is as it was written."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import Field

from processing import access
from processing.api import shapes
from processing.callers import needs
from processing.idempotency import PARAMETER
from processing.management.failures import Refused
from processing.models import Scope
from processing.schemas import LIMIT_DEFAULT, Limit, refusals
from recovery import entries
from recovery.audit import Action
from recovery.published import entry_of

router = Router(tags=["audit"])
NUMBER_MAX = 2**63 - 1
Number = Annotated[int, Field(ge=1, le=NUMBER_MAX)]


@router.get(
    "audit",
    auth=needs(Scope.ADMIN),
    response=shapes.EntryPage,
    operation_id="list_audit",
    summary="List who did what",
    openapi_extra={"responses": refusals()},
)
def list_audit(
    request: HttpRequest,
    actor: shapes.Actor | None = None,
    action: Action | None = None,
    session: UUID | None = None,
    after: Number | None = None,
    limit: Limit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    """List entries that you may see, newest first: all for those who audit, else those of your sessions and your acts."""
    wanted = entries.Filter(actor or "", action or "", session)
    found, following = entries.rows_of(request.user, wanted, after, limit)
    return {
        "items": [entry_of(entry) for entry in found],
        "next": None if following is None else str(following),
    }


@router.post(
    "audit/verify",
    auth=needs(Scope.ADMIN),
    response=shapes.AuditVerification,
    operation_id="verify_audit",
    summary="Verify the audit log",
    openapi_extra={"responses": refusals(409), "parameters": [PARAMETER]},
)
def verify_audit(request: HttpRequest, body: shapes.AuditVerifyRequest | None = None) -> dict[str, Any]:
    """Read the whole log and say whether an entry was changed, removed or moved; a head kept elsewhere must be in it."""
    if not access.may_audit(request.user):
        raise access.NotAllowed(_("Only Auditors and Administrators may verify the audit log."))
    head = None if body is None or body.head is None else bytes.fromhex(body.head)
    found = entries.verify(head)
    if found is None:
        told = f"The log has more than {entries.VERIFIED_MAX} entries."
        raise Refused(told, hint="`manage.py audit verify` reads it whole.")
    return {
        "ok": not found.problems,
        "entries": found.number,
        "first_bad": found.first_bad,
        "head": found.head,
        "problems": found.problems[: entries.PROBLEMS_SHOWN_MAX],
    }
