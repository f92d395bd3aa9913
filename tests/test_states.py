"""Every state and every step, on the table and on the stored row."""

from collections.abc import Callable

import pytest
from django.db.models import F
from django.db.models.functions import Now

from processing.models import Batch, LeaseLost, ProcessingSession, StepRefused
from processing.states import (
    BATCH_STEPS,
    SESSION_STEPS,
    BatchStatus,
    Hold,
    SessionState,
    Stage,
    Status,
    diagram,
    session_states,
)
from tests.factories import make_batch, make_session, make_worker

TAKE: dict[str, Callable[[ProcessingSession], None]] = {
    "finish_scan": lambda session: session._step("finish_scan", total=F("found_count")),
    "begin_compare": lambda session: session._step("begin_compare"),
    "complete": lambda session: session.complete({}),
    "pause": lambda session: session.pause(),
    "resume": lambda session: session.resume(),
    "fail": lambda session: session.fail("The disk is full."),
    "cancel": lambda session: session.cancel(),
    "retire": lambda session: session.retire(),
    "latch": lambda session: session.latch(),
    "recover": lambda session: session._step("recover"),
    "rewind": lambda session: session.rewind(),
    "roll_back": lambda session: session._step("roll_back"),
}
# Which published statuses each step may leave, and where it leads, as design §3 says it in words.
WORKING = ("scanning", "running", "comparing")
STATUSES: dict[str, dict[str, set[str]]] = {
    "finish_scan": {"scanning": {"running"}, "paused": {"paused"}},
    "begin_compare": {"running": {"comparing"}, "paused": {"paused"}},
    "complete": {"comparing": {"completed"}, "paused": {"completed"}},
    "pause": {status: {"paused"} for status in WORKING},
    "resume": {"paused": set(WORKING)},
    "fail": {status: {"failed"} for status in (*WORKING, "paused")},
    "cancel": {status: {"cancelled"} for status in (*WORKING, "paused", "failed", "interrupted")},
    "retire": {"completed": {"cancelled"}},
    "latch": {status: {"interrupted"} for status in WORKING},
    "recover": {status: {status} for status in WORKING}
    | {status: set(WORKING) for status in ("paused", "failed", "interrupted")},
    "rewind": {status: {"running"} for status in ("running", "comparing", "completed")}
    | {status: {status} for status in ("paused", "failed", "interrupted")},
    "roll_back": {status: {"paused"} for status in (*WORKING, "paused", "failed", "interrupted")},
}
DIAGRAM = """\
stateDiagram-v2
    [*] --> scanning
    comparing --> cancelled: cancel
    comparing --> completed: complete
    comparing --> failed: fail
    comparing --> interrupted: latch
    comparing --> paused: pause, roll_back
    comparing --> running: rewind
    completed --> cancelled: retire
    completed --> running: rewind
    failed --> cancelled: cancel
    failed --> comparing: recover
    failed --> paused: roll_back
    failed --> running: recover
    failed --> scanning: recover
    interrupted --> cancelled: cancel
    interrupted --> comparing: recover
    interrupted --> paused: roll_back
    interrupted --> running: recover
    interrupted --> scanning: recover
    paused --> cancelled: cancel
    paused --> comparing: resume, recover
    paused --> completed: complete
    paused --> failed: fail
    paused --> running: resume, recover
    paused --> scanning: resume, recover
    running --> cancelled: cancel
    running --> comparing: begin_compare
    running --> failed: fail
    running --> interrupted: latch
    running --> paused: pause, roll_back
    scanning --> cancelled: cancel
    scanning --> failed: fail
    scanning --> interrupted: latch
    scanning --> paused: pause, roll_back
    scanning --> running: finish_scan"""


def storable_states() -> list[SessionState]:
    """Give the states that a row can be in: a completed session is neither held nor interrupted."""
    return [
        state
        for state in session_states()
        if state.stage != Stage.COMPLETED or state == SessionState(Stage.COMPLETED, Hold.NONE, latched=False)
    ]


def store(state: SessionState) -> ProcessingSession:
    """Make a session in a state."""
    return make_session(stage=state.stage, hold=state.hold, crashed_at=Now() if state.latched else None)


def columns_of(row: ProcessingSession | Batch) -> dict[str, object]:
    """Read all columns of a row as they are stored."""
    return type(row).objects.filter(pk=row.pk).values().get()


@pytest.mark.django_db
@pytest.mark.parametrize("name", SESSION_STEPS)
def test_session_step_leads_where_the_table_says_from_every_state(name: str) -> None:
    step = SESSION_STEPS[name]
    walked: dict[SessionState, SessionState | str] = {}

    for state in storable_states():
        session = store(state)
        before = columns_of(session)
        try:
            TAKE[name](session)
            walked[state] = ProcessingSession.objects.get(pk=session.pk).state
        except StepRefused as refusal:
            untouched = columns_of(session) == before
            walked[state] = str(refusal).replace(str(session.pk), "7") if untouched else "changed"

    assert walked == {
        state: step.after(state)
        if step.allows(state)
        else f"Session 7 cannot {name.replace('_', ' ')}: it is {state.status.value}."
        for state in storable_states()
    }


@pytest.mark.parametrize("name", SESSION_STEPS)
def test_session_step_leaves_only_the_statuses_that_the_design_names(name: str) -> None:
    step = SESSION_STEPS[name]
    led: dict[str, set[str]] = {}

    for state in storable_states():
        # A person's hold and a death never meet in a row: a hold is refused while latched, and the reverse.
        if step.allows(state) and not (state.hold and state.latched):
            led.setdefault(state.status.value, set()).add(step.after(state).status.value)

    assert led == STATUSES[name]


def test_session_step_list_is_walked_in_full() -> None:
    assert set(TAKE) == set(SESSION_STEPS) == set(STATUSES)


@pytest.mark.parametrize("name", ["finish_scan", "begin_compare", "complete"])
def test_worker_step_is_refused_when_failed_or_cancelled_or_interrupted(name: str) -> None:
    step = SESSION_STEPS[name]

    allowed = {(state.hold, state.latched) for state in session_states() if step.allows(state)}

    assert allowed == {(Hold.NONE, False), (Hold.PAUSED, False)}


@pytest.mark.django_db
@pytest.mark.parametrize("status", BatchStatus)
@pytest.mark.parametrize("name", BATCH_STEPS)
def test_batch_step_leads_where_the_table_says_from_every_status(name: str, status: BatchStatus) -> None:
    old, new = BATCH_STEPS[name]
    worker = make_worker()
    batch = make_batch(
        session=make_session(), status=status, worker=worker if status == BatchStatus.LEASED else None
    )
    before = columns_of(batch)

    try:
        batch._step(name, worker=worker if new == BatchStatus.LEASED else None)
        walked = Batch.objects.get(pk=batch.pk).status
    except LeaseLost as lost:
        walked = str(lost) if columns_of(batch) == before else "changed"

    refusal = f"Batch 0 of session {batch.session_id} is no longer held under lease {batch.lease}: nothing was written."
    assert walked == (new if status == old else refusal)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["release", "bury", "finish"])
def test_batch_step_changes_nothing_when_the_lease_is_another(name: str) -> None:
    batch = make_batch(session=make_session(), worker=make_worker(), lease=5)
    before = columns_of(batch)
    batch.lease = 4

    with pytest.raises(LeaseLost):
        batch._step(name, worker=None)

    assert columns_of(batch) == before


def test_published_status_is_derived_hold_first_then_latch_then_stage() -> None:
    derived = {(state.hold, state.latched, state.stage): state.status for state in session_states()}

    expected = {}
    for stage in Stage:
        for latched in (False, True):
            expected[Hold.CANCELLED, latched, stage] = Status.CANCELLED
            expected[Hold.FAILED, latched, stage] = Status.FAILED
            expected[Hold.PAUSED, latched, stage] = Status.PAUSED
    for latched in (False, True):
        expected[Hold.NONE, latched, Stage.SCANNING] = Status.INTERRUPTED if latched else Status.SCANNING
        expected[Hold.NONE, latched, Stage.RUNNING] = Status.INTERRUPTED if latched else Status.RUNNING
        expected[Hold.NONE, latched, Stage.COMPARING] = Status.INTERRUPTED if latched else Status.COMPARING
        expected[Hold.NONE, latched, Stage.COMPLETED] = Status.COMPLETED
    assert derived == expected


def test_diagram_draws_each_change_of_status_once_in_alphabetical_order() -> None:
    assert diagram() == DIAGRAM
