"""Commits that outlast a database that is away for a while."""

import logging
import time
from collections.abc import Sequence

from django.db import connection

from processing.models import Batch, ImageResult
from processing.models.commit import Seal
from processing.worker import DATABASE_ERRORS, Presence

logger = logging.getLogger(__name__)

WAIT_S_MAX = 10.0


def commit_surely(batch: Batch, chunk: Sequence[ImageResult], seal: Seal, presence: Presence) -> None:
    """Commit a chunk through database failures. After one the row is read again, never written blindly.

    test: test_lost_commit_answer_doubles_nothing.
    """
    wait_s, unsure, tries = 0.25, False, 1
    while True:
        try:
            if not (unsure and batch.has_landed()):
                batch.commit(chunk, seal)
        except DATABASE_ERRORS as error:
            unsure = True
            connection.close()
            if presence.wants_to_stop:
                raise
            logger.warning("commit failed, waiting", extra={"error": str(error), "wait_s": wait_s})
            tries += 1
            presence.recorder.note_error(error, phase="waiting for the database", database_tries=tries)
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, WAIT_S_MAX)
        else:
            if unsure:
                presence.recorder.note_overcome()
                presence.recorder.note(database_tries=0)
            presence.commits_count += 1
            return
