"""Takes over what version 0.1.0 left as evidence: recoveries learn what they met; checkpoints without a seal go.

Nobody can tell such a checkpoint from a forged one, so it could never be gone back to; no photo is lost with it.
"""

from typing import TYPE_CHECKING, Any

from django.db import migrations
from django.db.models import Q

from processing import digests, keys

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_PER_PAGE = 500


def sign_attempts(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Give each recovery the keyed sum of the verdicts that were there before it."""
    alias = editor.connection.alias
    attempts = apps.get_model("recovery", "RecoveryAttempt").objects.using(alias)
    for attempt in attempts.filter(aside_digest=b"").order_by("pk").iterator(ROWS_PER_PAGE):
        attempts.filter(pk=attempt.pk).update(aside_digest=_sum_before(apps, alias, attempt))


def _sum_before(apps: "Apps", alias: str, attempt: Any) -> bytes:
    batches = apps.get_model("processing", "Batch").objects.using(alias)
    results = apps.get_model("processing", "ImageResult").objects.using(alias)
    was_live = Q(superseded_by=None) | Q(superseded_by__gte=attempt.number)
    before = results.filter(was_live, attempt__lt=attempt.number).order_by("pk")
    total = digests.EMPTY
    photos = batches.filter(session=attempt.session_id, kind="photos").order_by("pk")
    for batch_id in photos.values_list("pk", flat=True).iterator(ROWS_PER_PAGE):
        links = list(before.filter(batch=batch_id).values_list(*digests.LINK))
        if links:
            digest = digests.extend(digests.EMPTY, batch_id, links)
            total = digests.add_finished(total, batch_id, digest)
    # Version 0.1.0 could not undo, so every note is that of a recovery in force.
    tag = keys.sign("recovery", attempt.session_id.bytes, attempt.number.to_bytes(8, "big"))
    return digests.add(tag, total) if total else tag


def drop_unsealed(apps: "Apps", editor: "BaseDatabaseSchemaEditor") -> None:
    """Delete checkpoints that bear no seal, page by page."""
    checkpoints = apps.get_model("recovery", "Checkpoint").objects.using(editor.connection.alias)
    unsealed = checkpoints.filter(seal=b"").order_by("pk").values_list("pk", flat=True)
    while page := list(unsealed[:ROWS_PER_PAGE]):
        checkpoints.filter(pk__in=page).delete()


class Migration(migrations.Migration):
    # As the signing of results: no transaction over all of it.
    atomic = False

    dependencies = [("recovery", "0003_audit_triggers"), ("processing", "0004_sign_results")]

    operations = [
        migrations.RunPython(sign_attempts, migrations.RunPython.noop),
        migrations.RunPython(drop_unsealed, migrations.RunPython.noop),
    ]
