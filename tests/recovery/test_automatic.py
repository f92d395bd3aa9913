"""Going on without asking: only where it is sure, patiently, and not for ever."""

from pathlib import Path

import pytest

from processing.models import Batch, ProcessingSession
from processing.states import Status
from recovery import automatic
from recovery.automatic import Rescuer, recover_safe
from recovery.models import RecoveryAttempt
from tests.factories import make_results, make_worker, no_seal
from tests.recovery.sound import sound_session
from tests.recovery.sources import lay, lay_out

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(tmp_path: Path) -> ProcessingSession:
    """Give an interrupted session without a checkpoint whose verdicts are all right."""
    session = sound_session(begun=0)
    lay_out(session, tmp_path / "photos")
    session.latch()
    return session


def test_interrupted_session_goes_on_and_others_stay(session: ProcessingSession, tmp_path: Path) -> None:
    paused, failed = sound_session(), sound_session()
    lay_out(paused, tmp_path / "paused")
    lay_out(failed, tmp_path / "failed")
    paused.pause()
    failed.fail("no disk")

    ((recovered, _),) = recover_safe("always")

    assert recovered.pk == session.pk
    statuses = [ProcessingSession.objects.get(pk=one.pk).status for one in (session, paused, failed)]
    assert statuses == [Status.RUNNING, Status.PAUSED, Status.FAILED]


def test_unsure_session_is_left_to_a_person_unless_the_policy_is_always(session: ProcessingSession) -> None:
    lay(Path(session.source) / "000000.jpg", 5, 7)

    safe, always = recover_safe("safe"), recover_safe("always")

    assert (safe, len(always)) == ([], 1)


def test_unsafe_session_is_left_alone_whatever_the_policy(session: ProcessingSession) -> None:
    lay(Path(session.source) / "000000.jpg", 5, 7)
    session.results.filter(position=1).update(note="changed")

    assert recover_safe("always") == []
    assert RecoveryAttempt.objects.count() == 0


def test_rescuer_waits_longer_each_time_and_gives_up(
    session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automatic, "BACKOFF_S", 0)
    rescuer = Rescuer("always")
    done = []

    for _ in range(automatic.FRUITLESS_MAX + 2):
        done.append(len(rescuer()))
        session.refresh_from_db()
        if session.status != Status.INTERRUPTED:
            session.latch()

    assert done == [1, 1, 1, 0, 0]


def test_rescuer_does_not_try_again_before_its_wait_is_over(session: ProcessingSession) -> None:
    rescuer = Rescuer("always")
    first = len(rescuer())
    session.refresh_from_db()
    session.latch()

    assert (first, len(rescuer())) == (1, 0)


def test_rescuer_begins_to_count_anew_when_there_was_a_verdict(session: ProcessingSession) -> None:
    rescuer = Rescuer("always")
    rescuer()
    batch = Batch.objects.claim(session.pk, make_worker())
    batch.commit(make_results(batch=batch, photos_count=1), no_seal)
    session.refresh_from_db()
    session.latch()

    assert len(rescuer()) == 1


def test_rescuer_looks_at_an_unsure_session_once_in_a_while(
    session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(Path(session.source) / "000000.jpg", 5, 7)
    looks = []
    prepare = automatic.prepare_recovery_options
    monkeypatch.setattr(automatic, "prepare_recovery_options", lambda s: looks.append(s) or prepare(s))
    rescuer = Rescuer("safe")

    for _ in range(3):
        rescuer()

    assert len(looks) == 1
