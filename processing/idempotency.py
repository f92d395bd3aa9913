"""Idempotency-Key: a request that is sent again is answered again, and does nothing a second time.

By draft-ietf-httpapi-idempotency-key-header-07. An answer is kept for 24 hours if the request has done something (2xx);
a refusal has changed nothing, so the request may be sent again with the same key.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError

from config.problems import problem
from processing.callers import caller_of
from processing.models import KeptAnswer

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_FOR = timedelta(hours=24)
# A web process that died while it answered leaves a key without an answer; nothing answers longer than this.
ANSWERED_WITHIN = timedelta(minutes=10)
FORGOTTEN_AT_ONCE = 100
KEPT_HEADERS = ("Content-Type", "Location", "Content-Language")
# What the description of each POST says of the header.
PARAMETER: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "Send the same key with a repeated request: it is then answered, but not carried out, again.",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$", "minLength": 1, "maxLength": 255},
}
Run = Callable[..., HttpResponse]


def idempotent(run: Run) -> Run:
    """Wrap the whole of an operation: what was answered to a POST with this key is answered again."""

    @wraps(run)
    def wrapped(request: HttpRequest, **values: Any) -> HttpResponse:
        key = request.headers.get(HEADER)
        caller = None if key is None or request.method != "POST" else _caller(request)
        if key is None or caller is None:
            return run(request, **values)
        if KEY.fullmatch(key) is None:
            return problem(request, 422, "usage", f"{HEADER} is 1 to 255 visible ASCII characters.")
        return _answer_once(run, request, values, _hash(caller, key))

    return wrapped


def _caller(request: HttpRequest) -> str | None:
    """Name who calls; what is wrong with a caller is said by the operation itself."""
    try:
        caller = caller_of(request)
    except HttpError:
        return None
    return None if caller is None else caller.identity


def _answer_once(run: Run, request: HttpRequest, values: dict[str, Any], key: str) -> HttpResponse:
    asked = _hash(request.method or "", request.get_full_path(), request.body)
    _forget_old()
    kept = _claim(key, asked)
    if kept is not None:
        return _again(request, kept, asked)
    done = False
    try:
        response = run(request, **values)
        done = 200 <= response.status_code < 300
    finally:
        if not done:
            KeptAnswer.objects.filter(pk=key).delete()
    _keep(key, response)
    return response


def _claim(key: str, asked: str) -> KeptAnswer | None:
    """Take the key, or give what is kept under it."""
    try:
        with transaction.atomic():
            KeptAnswer.objects.create(key=key, request=asked)
    except IntegrityError:
        return KeptAnswer.objects.filter(pk=key).first()
    return None


def _again(request: HttpRequest, kept: KeptAnswer, asked: str) -> HttpResponse:
    if kept.request != asked:
        return problem(request, 422, "key_reused", f"This {HEADER} was sent with another request.")
    if kept.status is None:
        return problem(
            request, 409, "in_progress", "The first request with this key is still being answered."
        )
    response = HttpResponse(bytes(kept.body), status=kept.status, headers=kept.headers)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _keep(key: str, response: HttpResponse) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    KeptAnswer.keep(key, response.status_code, headers, response.content)


def _forget_old() -> None:
    old = Q(created_at__lt=Now() - KEPT_FOR) | Q(status=None, created_at__lt=Now() - ANSWERED_WITHIN)
    oldest = KeptAnswer.objects.filter(old).order_by("created_at")[:FORGOTTEN_AT_ONCE]
    KeptAnswer.objects.filter(pk__in=list(oldest.values_list("pk", flat=True))).delete()


def _hash(*parts: str | bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()
