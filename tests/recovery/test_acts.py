"""What people do to a session leaves an entry in the audit log, whoever asks and however it ends."""

from collections.abc import Callable
from typing import Any

import pytest

from processing.management.failures import Refused
from processing.models import ProcessingSession, StepRefused
from processing.states import Hold, Status
from recovery import acts
from recovery.models import AuditEntry
from tests.commands.running import run
from tests.factories import make_session, make_worker
from tests.people import address, make_user, signed_in

pytestmark = pytest.mark.django_db


def recorded() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Give each entry's action, actor, outcome and details."""
    return list(AuditEntry.objects.order_by("number").values_list("action", "actor", "outcome", "details"))


@pytest.mark.parametrize(
    ("act", "action", "status"),
    [(acts.pause, "pause", Status.PAUSED), (acts.cancel, "cancel", Status.CANCELLED)],
)
def test_hold_is_done_and_recorded_with_its_reason(
    act: Callable[..., None], action: str, status: Status
) -> None:
    session = make_session()

    act(session, actor="ines", why="lunch", address="::1")

    assert (session.status, session.hold_by, session.hold_why) == (status, "ines", "lunch")
    assert recorded() == [(action, "ines", "done", {"why": "lunch"})]
    assert AuditEntry.objects.values_list("session", "address").get() == (session.pk, "::1")


def test_begin_is_recorded_with_source_and_preset_in_one_transaction() -> None:
    columns = {"name": "Coast", "source": "/photos", "source_path": b"/photos", "preset_name": "Adobe Stock"}
    numbers = {"preset": {}, "batch_size": 50, "checkpoint_interval": 10}

    session = acts.begin(columns | numbers, actor="ines", address="::1")
    with pytest.raises(AttributeError):
        acts.begin(columns | numbers, actor=None, address="::1")  # type: ignore[arg-type]  # that is the fault

    told = {"name": "Coast", "source": "/photos", "preset": "Adobe Stock"}
    assert recorded() == [("session", "ines", "done", told)]
    assert AuditEntry.objects.values_list("session", "address").get() == (session.pk, "::1")
    assert ProcessingSession.objects.get() == session


def test_resume_is_done_and_recorded_with_its_attempt() -> None:
    session = make_session(hold=Hold.PAUSED)

    acts.resume(session, actor="ines")

    assert (session.status, recorded()) == (Status.RUNNING, [("resume", "ines", "done", {"attempt": 1})])


def test_taking_a_waiting_session_up_is_recorded_as_resume() -> None:
    session = make_session()

    acts.take_up(session, actor="ines", register=lambda one: make_worker(serves=one))

    assert session.is_attended()
    assert recorded() == [("resume", "ines", "done", {"waited_for_workers": True})]


@pytest.mark.parametrize("act", [acts.pause, acts.resume, acts.cancel])
def test_refusal_is_recorded_when_the_state_forbids_the_act(act: Callable[..., None]) -> None:
    session = make_session(hold=Hold.CANCELLED)
    step = act.__name__

    with pytest.raises(StepRefused):
        act(session, actor="ines")

    outcome = f"refused: Session {session.pk} cannot {step}: it is cancelled."
    assert recorded() == [(step, "ines", outcome, {})]


def test_commands_record_who_ran_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ines")
    make_session()

    run("pause", "latest", "--reason", "lunch")
    run("resume", "latest")
    run("cancel", "latest")
    with pytest.raises(Refused):
        run("resume", "latest")

    done = [(action, actor, outcome.partition(":")[0]) for action, actor, outcome, _ in recorded()]
    assert done == [
        ("pause", "ines", "done"),
        ("resume", "ines", "done"),
        ("cancel", "ines", "done"),
        ("resume", "ines", "refused"),
    ]


@pytest.mark.parametrize(("step", "outcome"), [("pause", "done"), ("resume", "refused"), ("cancel", "done")])
def test_pages_record_who_pressed_the_button_and_from_where(step: str, outcome: str) -> None:
    person = make_user("ines")
    session = make_session(owner=person)
    browser = signed_in(person)

    browser.post(address(session, step), REMOTE_ADDR="10.1.2.3")

    entry = AuditEntry.objects.exclude(action="login").get()
    assert (entry.action, entry.actor, entry.address) == (step, "ines", "10.1.2.3")
    assert (entry.session, entry.outcome.partition(":")[0]) == (session.pk, outcome)


def test_stranger_leaves_no_entry_because_the_session_is_not_there_for_him() -> None:
    session: ProcessingSession = make_session(owner=make_user("ines"))

    answer = signed_in(make_user("eve")).post(address(session, "cancel"))

    assert answer.status_code == 404
    assert [action for action, *_ in recorded()] == ["login"]
