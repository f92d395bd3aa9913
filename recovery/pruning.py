"""Pruning as one statement: it runs with every commit, and as two of Django's it cost half of a checkpoint's time."""

from uuid import UUID

from django.db import connection, models

IMAGES = "session_id = %(session)s AND checkpoint_type = 'image' AND NOT pinned"
ORDER = "ORDER BY last_result DESC, id DESC"
# SQLite wants a limit before an offset.
ALL_ROWS = 1_000_000_000
# SQLite has one writer at a time, so nobody else can have locked a row there. Its driver counts the rows of statements
# that begin with DELETE only.
PRUNE = {
    "postgresql": f"""
WITH mine AS (SELECT id, last_result FROM recovery_checkpoint WHERE {IMAGES} {ORDER} FOR UPDATE SKIP LOCKED)
DELETE FROM recovery_checkpoint
WHERE id IN (SELECT id FROM mine {ORDER} LIMIT {ALL_ROWS} OFFSET %(keep)s)
  AND (SELECT count(*) FROM mine) = (SELECT count(*) FROM recovery_checkpoint WHERE {IMAGES})
""",  # noqa: S608 -- made of constants
    "sqlite": f"""
DELETE FROM recovery_checkpoint WHERE id IN (
  SELECT id FROM recovery_checkpoint WHERE {IMAGES} {ORDER} LIMIT {ALL_ROWS} OFFSET %(keep)s
)
""".strip(),  # noqa: S608 -- made of constants
}


def prune_images(session_id: UUID, keep: int) -> int:
    """Delete all but the newest image checkpoints of a session; none while another has one locked. Give how many."""
    session = models.UUIDField().get_db_prep_value(session_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(PRUNE[connection.vendor], {"session": session, "keep": keep})
        return int(cursor.rowcount)
