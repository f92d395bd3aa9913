"""The audit log: each act is one row, written in the act's own transaction and chained by a keyed hash.

Lock order: the head row is the last lock of a transaction, so two acts wait for each other and never in a circle.
"""

import ipaddress
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.models import Subquery
from django.db.models.functions import Now
from django.http import HttpRequest

from processing import keys
from processing.keys import Stored
from processing.models import StepRefused
from recovery.models import AuditEntry, AuditHead

ONLY_HEAD = 1
DONE = "done"
ACTOR_LENGTH = 150
OUTCOME_LENGTH = 200
ENTRY = "audit entry"
# What an entry is signed as when the end of the log that it met was not the one that the head names. So the log
# goes on after damage, and the damage stays found. test: test_act_after_a_forged_head_does_not_hide_it.
SEAM = "audit entry after damage"
HEAD = "audit head"


class Action(models.TextChoices):
    """What is recorded, in the words of the published interface."""

    SESSION = "session"
    RECOVER = "recover"
    ROLLBACK = "rollback"
    REPAIR = "repair"
    CHECKPOINT = "checkpoint"
    PIN = "pin"
    CLEANUP = "cleanup"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DELETE = "delete"
    ROTATE_KEYS = "rotate_keys"
    OVERRIDE = "override"
    EXPORT = "export"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    TOKEN = "token"  # noqa: S105 -- a word, not a password
    PRESET = "preset"
    ROLE = "role"


class ActRefused(Exception):
    """An act that a person asked for is not allowed or not possible now; its text is the entry's outcome."""


REFUSALS = (StepRefused, ActRefused)


@contextmanager
def audited(
    action: str,
    *,
    actor: str,
    session: UUID | None = None,
    address: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Do an act in a transaction that ends with its entry; both are stored, or neither is.

    Yields the details, to which the act may add what it learns. One of REFUSALS rolls the act back, is recorded
    in a transaction of its own, and goes on to the caller. Raises RuntimeError inside another transaction, which
    could take the record of a refusal back: there, `record` is the way.
    """
    facts = dict(details or {})
    try:
        with transaction.atomic(durable=True):
            yield facts
            record(action, actor=actor, session=session, details=facts, address=address)
    except REFUSALS as refusal:
        with transaction.atomic(durable=True):
            outcome = f"refused: {refusal}"
            record(action, actor=actor, session=session, outcome=outcome, details=facts, address=address)
        raise


def record(
    action: str,
    *,
    actor: str,
    session: UUID | None = None,
    outcome: str = DONE,
    details: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> AuditEntry:
    """Add an entry to the log, at the end of the caller's transaction.

    An address that is none is left out; text is cut to what its column holds. Raises
    TransactionManagementError without a transaction, ValueError for an unknown action and for NaN in details,
    TypeError for details that are no JSON.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An audit entry belongs to its act's transaction.")
    entry = AuditEntry(
        actor=storable_text(actor)[:ACTOR_LENGTH],
        address=plain_address(address),
        action=Action(action).value,
        session=session,
        outcome=storable_text(outcome)[:OUTCOME_LENGTH],
        details=_storable(json.loads(json.dumps(details or {}, cls=DjangoJSONEncoder, allow_nan=False))),
    )
    end = _lock_end()
    entry.number, entry.at = end.number + 1, end.at
    entry.mac = keys.sign(ENTRY if end.is_whole else SEAM, end.mac, signed_part(entry))
    AuditEntry.objects.bulk_create([entry])
    AuditHead.objects.filter(pk=ONLY_HEAD).update(**head_columns(entry.number, entry.mac))
    return entry


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the log: its last number, the last row's mac, the instant, and whether the head agrees."""

    number: int
    mac: bytes
    at: datetime
    is_whole: bool


def _lock_end() -> _End:
    """Lock the head and read the log's end and the database's clock behind the lock, in a second statement."""
    head, _ = AuditHead.objects.select_for_update().get_or_create(pk=ONLY_HEAD)
    newest = AuditEntry.objects.order_by("-number")[:1]
    number, mac, at = (
        AuditHead.objects.filter(pk=ONLY_HEAD)
        .annotate(
            newest=Subquery(newest.values("number")), newest_mac=Subquery(newest.values("mac")), now=Now()
        )
        .values_list("newest", "newest_mac", "now")
        .get()
    )
    number, mac = number or 0, bytes(mac or b"")
    if not head_holds(head):
        return _End(number, mac, at, is_whole=False)
    # A number is never given twice, not even that of an entry which somebody removed.
    is_whole = (head.number, bytes(head.mac)) == (number, mac)
    return _End(max(number, head.number), mac, at, is_whole)


def head_columns(number: int, mac: bytes) -> dict[str, Any]:
    """Give the columns of a head that names this entry as the last; the empty log is number 0 without a mac."""
    return {"number": number, "mac": mac, "tag": keys.sign(HEAD, number.to_bytes(8, "big"), mac)}


def head_holds(head: AuditHead) -> bool:
    """Say whether a head is as it was written; SQLite may give values of any type."""
    try:
        return keys.holds(head.tag, HEAD, head.number.to_bytes(8, "big"), bytes(head.mac))
    except (AttributeError, TypeError, OverflowError):
        return False


def follows(entry: AuditEntry, previous: Stored, purpose: str = ENTRY) -> bool:
    """Say whether an entry is as it was written, right behind the one that has this mac."""
    return keys.holds(entry.mac, purpose, bytes(previous), signed_part(entry))


def signed_part(entry: AuditEntry) -> bytes:
    """Write all columns but the mac in a way that is the same in both databases."""
    return keys.canonical(
        [
            entry.number,
            entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            entry.actor,
            entry.address and (plain_address(entry.address) or entry.address),
            entry.action,
            None if entry.session is None else str(entry.session),
            entry.outcome,
            entry.details,
        ]
    )


def person_of(request: HttpRequest) -> dict[str, Any]:
    """Give who acts and from where, as `record` and `audited` take it."""
    return {"actor": request.user.get_username(), "address": request.META.get("REMOTE_ADDR")}


def plain_address(text: str | None) -> str | None:
    """Write an IP address in its one plain form; None for what is none, such as a socket's name."""
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def storable_text(text: str) -> str:
    """Spell out what PostgreSQL cannot keep in a text: lone surrogates and the sign of number zero."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(key): _storable(one) for key, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value
