"""The database is away just where a command that attends a session has a question: it waits, and does nothing twice."""

import signal
from pathlib import Path

import pytest

from processing.models import ProcessingSession, Worker
from processing.states import Status
from recovery.models import Crash, RecoveryAttempt
from tests.crash.proof import assert_exact
from tests.crash.studio import Run, Studio, until
from tests.crash.test_database_trouble import Server, answers, apart, server
from tests.crash.victim import Deed

__all__ = ["apart", "server"]
pytestmark = pytest.mark.kill

WAITING = "waiting for the database"
SUMMARY = "processing.management.attendance.summary_of"
QUESTIONS = [
    Deed("processing.models.session.ProcessingSession.start", "before", act="lose_answer", process="parent"),
    Deed("processing.models.session.ProcessingSession.start", "after", act="lose_answer", process="parent"),
    Deed("processing.parent._drop_dead_queues", act="lose_answer", process="parent"),
    Deed("processing.worker.Presence.end", act="lose_answer"),
    Deed("processing.queue.drop_queue", act="lose_answer", process="parent"),
    Deed("processing.worker.Presence.end", act="lose_answer", process="parent"),
    Deed(SUMMARY, act="lose_answer", process="parent"),
]


def undone(studio: Studio, plan: list[Deed]) -> list[Deed]:
    """Give the deeds that were not reached."""
    return [deed for deed in plan if not deed.was_done(studio.ledger)]


def assert_unnoticed(studio: Studio, expected: str) -> None:
    """Assert that the only session ended as if nothing had been, and that nobody was taken for dead."""
    assert_exact(studio, expected)
    living = Worker.objects.living().count()
    assert (ProcessingSession.objects.count(), Crash.objects.count(), living) == (1, 0, 0)


def test_run_ends_well_when_the_database_fails_once_at_each_question_of_its_start_and_end(
    studio: Studio, undisturbed: str
) -> None:
    run = studio.process(plan=QUESTIONS)

    assert run.end() == 0, run.told()
    assert undone(studio, QUESTIONS) == []
    assert len(run.lines("summary")) == 1
    assert_unnoticed(studio, undisturbed)


def test_stop_pauses_and_resume_goes_on_when_the_database_loses_their_answers(
    studio: Studio, undisturbed: str
) -> None:
    stop = [
        Deed("processing.worker.Presence.register", "after", act="stop", process="parent"),
        Deed("recovery.acts.pause", "before", 1, "lose_answer", "parent"),
        Deed("recovery.acts.pause", "after", 2, "lose_answer", "parent"),
    ]
    resumption = [
        Deed("recovery.acts.resume", "before", 1, "lose_answer", "parent"),
        Deed("recovery.acts.resume", "after", 2, "lose_answer", "parent"),
    ]

    run = studio.process(plan=stop)

    assert run.end() == 128 + signal.SIGTERM, run.told()
    assert (studio.session().status, undone(studio, stop)) == (Status.PAUSED, [])
    again = studio.start("resume", "latest", "--wait", "--workers", "2", "--json", plan=resumption)
    assert again.end() == 0, again.told()
    assert undone(studio, resumption) == []
    assert_unnoticed(studio, undisturbed)


def test_recovery_is_carried_out_once_and_told_when_the_database_loses_its_answer(
    studio: Studio, undisturbed: str
) -> None:
    studio.process("--detach").end()
    seam = "processing.management.commands.recover.execute_recovery"
    plan = [Deed(seam, "before", 1, "lose_answer", "parent"), Deed(seam, "after", 1, "lose_answer", "parent")]

    run = studio.start("recover", "latest", "--yes", "--wait", "--workers", "2", "--json", plan=plan)

    assert run.end() == 0, run.told()
    assert undone(studio, plan) == []
    (told,) = run.lines("recovery")
    assert (told["attempt"], told["option"], told["keep"], told["redo"]) == (1, "continue", 0, 0)
    assert RecoveryAttempt.objects.count() == 1
    assert_unnoticed(studio, undisturbed)


def test_command_says_that_the_database_does_not_answer_when_it_may_wait_no_longer(studio: Studio) -> None:
    run = studio.process(plan=[Deed(SUMMARY, act="lose_answer", process="parent", always=True)])
    until(lambda: WAITING in run.log())

    # Two of one kind could arrive as one.
    run.send(signal.SIGINT)
    run.send(signal.SIGTERM)

    assert run.end() == 75, run.told()
    (error,) = run.lines("error")
    pk = str(studio.session().pk)
    assert error == {
        "type": "error",
        "code": "database_unreachable",
        "message": "The database did not answer: the connection was lost",
        "hint": f"When it answers, `manage.py session {pk}` says how the session stands.",
        "session": pk,
    }


@pytest.mark.vendor("postgresql")
@pytest.mark.parametrize(
    ("seam", "when"), [("processing.parent.Parent.run", "after"), (SUMMARY, "before")], ids=["run", "summary"]
)
def test_run_ends_well_when_postgresql_is_killed_between_the_last_verdict_and_the_summary(
    server: Server, apart: Studio, undisturbed: str, seam: str, when: str
) -> None:
    frozen = Deed(seam, when, act="freeze", process="parent")
    run = apart.process(plan=[frozen])
    until(lambda: frozen.was_done(apart.ledger) and is_stopped(run))

    server.kill()
    run.send(signal.SIGCONT)
    until(lambda: run.process.poll() is not None or WAITING in run.log())
    server.start()
    until(answers)

    assert run.end() == 0, run.told()
    assert len(run.lines("summary")) == 1
    assert_unnoticed(apart, undisturbed)


def is_stopped(run: Run) -> bool:
    """Whether the command's process stands still."""
    return Path(f"/proc/{run.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
