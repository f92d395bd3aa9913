"""The statistics from the command line."""

import pytest
from django.core.management.base import CommandError

from tests.commands.running import run, run_process
from tests.factories import make_crash, make_session, make_worker
from tests.recovery.test_statistics import NOTHING, commit_at, leased_session, recover_after

KEYS = [
    "type",
    "since",
    "crashes",
    "crashes_by_type",
    "recoveries",
    "recoveries_by_outcome",
    "recoveries_succeeded",
    "success_rate",
    "rollbacks",
    "time_lost_s",
    "photos_redone",
    "integrity_problems",
    "repaired",
    "checkpoint_cost_share",
]


@pytest.mark.django_db
def test_statistics_print_one_json_line_when_asked() -> None:
    (printed,) = run("recovery_statistics", "--json").objects
    (since,) = run("recovery_statistics", "--json", "--since", "2026-11-01").objects

    assert list(printed) == KEYS
    assert printed == {"type": "statistics", **NOTHING.published()}
    assert since["since"] == "2026-11-01T00:00:00Z"


@pytest.mark.django_db
def test_statistics_print_a_table_for_people() -> None:
    session, batch = leased_session()
    make_crash(worker=make_worker(), session=session, crash_type="out_of_memory", discarded_count=3)
    recover_after(commit_at(batch, 0, 10, attempt=0), session, 1)
    commit_at(batch, 1, 12.5, attempt=1)
    make_crash(worker=make_worker(), session=make_session(), crash_type="unknown")

    printed = run("recovery_statistics", "--since", "3650d")

    lines = [line.split(maxsplit=0)[0].rstrip() for line in printed.out.splitlines()]
    assert [" ".join(line.split()) for line in lines] == [
        "WHAT HOW MUCH",
        "crashes 2",
        "out of memory 1",
        "unknown 1",
        "recoveries 1",
        "succeeded 1",
        "success rate 100.0%",
        "rollbacks 0",
        "time lost, s 2.5",
        "photos done twice 3",
        "integrity problems found 0",
        "integrity problems repaired 0",
        "time in commits, of the work -",
    ]


def test_statistics_exit_2_with_a_sentence_when_the_beginning_makes_no_sense() -> None:
    with pytest.raises(CommandError, match="argument --since: 'soon' is no time to begin at"):
        run("recovery_statistics", "--since", "soon")

    ended = run_process("recovery_statistics", "--since", "soon")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        "Error: argument --since: 'soon' is no time to begin at: give 30d, 12h or 45m"
    )
