"""Checkpoints, verification and statistics by REST."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import recovery.api
from processing.models import Batch, ProcessingSession
from recovery.models import AuditEntry, Checkpoint, Crash
from recovery.published import checkpoint_of
from tests.factories import make_session
from tests.people import make_user
from tests.recovery.api.calling import api, problem_of, script_of, send
from tests.recovery.sound import batches_of, commit
from tests.recovery.views.scenes import give_role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
STATISTICS = "/api/recovery/recovery-statistics"


def test_checkpoint_is_taken_with_its_note(script: Client, session: ProcessingSession) -> None:
    response = send(script, api(session, "checkpoint"), {"note": "before the new lens"})

    made = Checkpoint.objects.get(note="before the new lens")
    assert (response.status_code, response.json()) == (201, checkpoint_of(made))
    assert response.headers["Location"] == f"/api/recovery/sessions/{session.pk}/checkpoints"
    assert (made.checkpoint_type, made.pinned, made.processed_count) == ("manual", True, 10)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.address) == ("checkpoint", "ines", "10.0.0.7")


def test_emergency_checkpoint_needs_no_body(script: Client, session: ProcessingSession) -> None:
    response = send(script, api(session, "emergency-checkpoint"))

    assert response.status_code == 201
    assert (response.json()["checkpoint_type"], response.json()["pinned"]) == ("emergency", False)


def test_note_that_is_no_line_is_refused(script: Client, session: ProcessingSession) -> None:
    count = Checkpoint.objects.count()

    notes: list[Any] = ["x" * 201, "two\nlines", "nul\0", 5, None, ["x"]]
    answered = [send(script, api(session, "checkpoint"), {"note": note}) for note in notes]

    assert [one.status_code for one in answered] == [422] * len(notes)
    assert "Leave out control characters" in problem_of(answered[1])["detail"]
    assert Checkpoint.objects.count() == count


def test_checkpoint_of_a_cancelled_session_is_refused_with_409(
    script: Client, session: ProcessingSession
) -> None:
    session.cancel()

    response = send(script, api(session, "checkpoint"))

    assert response.status_code == 409
    assert (
        problem_of(response)["detail"] == f"Session {session.pk} cannot take a checkpoint: it is cancelled."
    )


def test_checkpoints_are_paged_newest_first_even_when_the_last_one_shown_is_pruned(
    script: Client, session: ProcessingSession
) -> None:
    newest_first = [str(one.pk) for one in Checkpoint.objects.newest_first(session)]

    first = script.get(api(session, "checkpoints"), {"limit": 2}).json()
    Checkpoint.objects.filter(pk=newest_first[1]).delete()
    second = script.get(api(session, "checkpoints"), {"limit": 200, "after": first["next"]}).json()

    shown = [one["checkpoint"] for page in (first, second) for one in page["items"]]
    assert shown == newest_first
    assert second["next"] is None
    assert second["items"][0] == checkpoint_of(Checkpoint.objects.get(pk=newest_first[2]))


def test_page_that_cannot_be_is_refused(script: Client, session: ProcessingSession) -> None:
    wrong: list[dict[str, Any]] = [
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"after": "x"},
        {"after": ""},
    ]

    answered = [script.get(api(session, "checkpoints"), query) for query in wrong]

    assert [one.status_code for one in answered] == [422] * len(wrong)


def test_latest_checkpoint_passes_over_a_damaged_one(script: Client, session: ProcessingSession) -> None:
    first, second = list(Checkpoint.objects.usable_first(session)[:2])

    before = script.get(api(session, "latest-checkpoint")).json()
    Checkpoint.objects.filter(pk=first.pk).update(processed_count=99)
    after = script.get(api(session, "latest-checkpoint")).json()

    assert (before["checkpoint"], after["checkpoint"]) == (str(first.pk), str(second.pk))
    assert after["intact"] is True


def test_session_without_an_intact_checkpoint_has_no_latest(script: Client, ines: User) -> None:
    session = make_session(owner=ines)

    response = script.get(api(session, "latest-checkpoint"))

    assert response.status_code == 404
    assert problem_of(response)["detail"] == "The session has no intact checkpoint."


def test_clean_up_deletes_what_nothing_asks_to_keep(script: Client, session: ProcessingSession) -> None:
    commit(batches_of(session)[-1], 1)
    images = Checkpoint.objects.filter(session=session, checkpoint_type="image")
    before = Checkpoint.objects.count()

    first = script.delete(api(session, "checkpoints")).json()
    response = script.delete(api(session, "checkpoints") + "?keep=1")

    deleted = first["deleted"] + response.json()["deleted"]
    assert (first["session"], first["keep"], response.json()["keep"]) == (str(session.pk), 5, 1)
    assert (deleted, images.count()) == (before - Checkpoint.objects.count(), 1)
    assert response.json()["deleted"] == 1
    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.action, entry.actor, entry.address) == ("cleanup", "ines", "10.0.0.7")


def test_number_to_keep_that_makes_no_sense_is_refused(script: Client, session: ProcessingSession) -> None:
    count = Checkpoint.objects.count()

    wrong = ["0", "1001", "-1", "x", "", "9" * 40]
    answered = [script.delete(api(session, "checkpoints") + f"?keep={keep}") for keep in wrong]

    assert [one.status_code for one in answered] == [422] * len(wrong)
    assert Checkpoint.objects.count() == count


def test_sound_session_is_verified_as_safe(script: Client, session: ProcessingSession) -> None:
    told = send(script, api(session, "verify-integrity")).json()

    checkpoints = Checkpoint.objects.filter(session=session).count()
    assert told == {
        "session": str(session.pk),
        "safe": "safe",
        "results": 10,
        "checkpoints": checkpoints,
        "findings": 0,
        "repaired": 0,
        "problems": [],
    }


def test_problems_are_named_and_mended_where_that_is_asked_for(
    script: Client, session: ProcessingSession
) -> None:
    Batch.objects.filter(session=session, number=2).update(approved=0, processed=1)

    found = send(script, api(session, "verify-integrity")).json()
    mended = send(script, api(session, "verify-integrity"), {"repair": True}).json()
    after = send(script, api(session, "verify-integrity")).json()

    assert (found["safe"], found["findings"], found["repaired"]) == ("safe_after_repair", 1, 0)
    assert [(one["code"], one["repairable"]) for one in found["problems"]] == [("counters", True)]
    assert (mended["findings"], mended["repaired"]) == (1, 1)
    assert (after["safe"], after["findings"]) == ("safe", 0)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.address) == ("repair", "ines", "10.0.0.7")


def test_unsafe_session_is_told_as_such_and_not_repaired(script: Client, session: ProcessingSession) -> None:
    session.results.filter(position=0).update(width_px=1)

    told = send(script, api(session, "verify-integrity"), {"repair": True}).json()

    assert (told["safe"], told["repaired"]) == ("unsafe", 0)
    assert "result_changed" in {one["code"] for one in told["problems"]}


def test_problems_told_are_bounded_and_counted_in_full(
    script: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery.api, "PROBLEMS_MAX", 1)
    session.results.update(width_px=1)

    told = send(script, api(session, "verify-integrity")).json()

    assert (len(told["problems"]), told["findings"] > 1) == (1, True)


def test_session_too_large_to_wait_for_is_left_to_the_command(
    script: Client, session: ProcessingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery.api, "VERIFIED_MAX", 9)

    response = send(script, api(session, "verify-integrity"))

    told = problem_of(response)
    assert response.status_code == 409
    assert told["hint"] == f"`manage.py verify {session.pk}` has no limit."


def test_statistics_are_of_the_sessions_that_one_may_see(
    script: Client, session: ProcessingSession, crash: Crash
) -> None:
    auditor = make_user("auditor")
    give_role(auditor, "Auditor", "audit_sessions")

    counts = [
        client.get(STATISTICS).json()["crashes"]
        for client in (script, script_of(auditor), script_of(make_user("ben")))
    ]

    assert counts == [1, 1, 0]


def test_statistics_begin_at_an_instant(script: Client, session: ProcessingSession, crash: Crash) -> None:
    begins = ["30d", "12h", "45m", "2020-01-01", "2020-01-01T10:00:00+02:00"]

    told = [script.get(STATISTICS, {"since": since}).json() for since in begins]

    assert [one["crashes"] for one in told] == [1] * len(begins)
    assert told[-1]["since"] == "2020-01-01T08:00:00Z"


def test_statistics_since_no_instant_are_refused(script: Client) -> None:
    wrong = ["", "yesterday", "999999d", "2020-13-01", "0001-01-01T00:00:00+14:00", "x\0", "9" * 9999]

    answered = [script.get(STATISTICS, {"since": since}) for since in wrong]

    assert [one.status_code for one in answered] == [422] * len(wrong)
    assert all("is no time to begin at" in problem_of(one)["detail"] for one in answered)
