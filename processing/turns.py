"""How an act of many transactions lets others write between them."""

import time

from django.db import connection

# Who waits for SQLite's one write lock looks again every 100 ms, and whoever asks at that moment has it: an act whose
# transactions follow each other at once kept a writer out for more than 30 s, and so had it refused (bench.locks).
GAP_S = 0.12
TURN_S = 0.5


class Turns:
    """Counts for how long an act has gone on without a gap."""

    def __init__(self) -> None:
        """Begin the first turn."""
        self._begun = time.monotonic()

    def give_way(self) -> None:
        """Between two transactions: leave SQLite alone for a moment when the turn was long enough.

        test: test_others_write_between_the_pages_of_an_act.
        """
        if connection.vendor == "sqlite" and time.monotonic() - self._begun >= TURN_S:
            time.sleep(GAP_S)
            self._begun = time.monotonic()
