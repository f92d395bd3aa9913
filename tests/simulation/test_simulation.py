"""Seeded simulations: each must keep every guarantee after every step, and end."""

import time
from pathlib import Path

import pytest
from django.db import connection

from tests.simulation.memory import database_for
from tests.simulation.simulation import simulate

pytestmark = pytest.mark.django_db(transaction=True)


def test_guarantees_hold_after_every_step(tmp_path: Path) -> None:
    with database_for(connection.vendor) as renew:
        for seed in range(20):
            t=time.perf_counter()
            world = simulate(seed, tmp_path, renew)
            print(seed, world.steps, round(world.now), len(world.trace), round(time.perf_counter()-t,3))
