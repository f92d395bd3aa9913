"""The dialog that opens by itself once, the banner that stays, and the recovery of several sessions at once."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from processing.models import ProcessingSession, Profile
from processing.states import Status
from recovery import acts
from recovery.models import AuditEntry, RecoveryAttempt
from recovery.resume import execute_recovery
from tests.factories import make_session
from tests.people import asked_by_htmx, make_user, signed_in
from tests.recovery.sources import lay
from tests.recovery.views.scenes import give_role, interrupt, lying_session, recovery, standing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.vendor("sqlite")]
NEWS = 'hx-post="/recovery/dialog/"'


def tell(client: Client) -> int:
    """Ask for the dialog, as a page does when it has loaded; give the status."""
    return client.post("/recovery/dialog/", headers={"HX-Request": "true"}).status_code


def owner_of(session: ProcessingSession) -> User:
    """Give her who owns a session."""
    assert session.owner is not None
    return session.owner


def unsure(session: ProcessingSession) -> None:
    """Change a photo that was judged."""
    lay(Path(session.source) / "000000.jpg", 5, 7)


def test_dialog_opens_once_and_again_at_the_next_crash(ines: Client, session: ProcessingSession) -> None:
    before = NEWS in ines.get("/").content.decode()
    response = ines.post("/recovery/dialog/", headers={"HX-Request": "true"})
    after = NEWS in ines.get("/").content.decode()
    other = make_session(owner=owner_of(session), name="Food")
    interrupt(other)

    assert (before, after, NEWS in ines.get("/").content.decode()) == (True, False, True)
    assert "Coast was interrupted" in response.content.decode()
    assert (tell(ines), tell(ines)) == (200, 204)


def test_dialog_is_given_to_one_of_two_tabs(ines: Client, session: ProcessingSession) -> None:
    other = signed_in(owner_of(session))

    assert sorted([tell(ines), tell(other)]) == [200, 204]


def test_dialog_tells_each_person_who_may_recover(session: ProcessingSession) -> None:
    ada = signed_in(make_user("ada", is_superuser=True))
    bob = make_user("bob")
    give_role(bob, "Auditor", "audit_sessions")

    assert (tell(ada), tell(ada), tell(signed_in(bob)), tell(signed_in(make_user("eve")))) == (
        200,
        204,
        204,
        204,
    )


def test_dialog_leaves_alone_who_may_only_look(ines: Client, session: ProcessingSession) -> None:
    give_role(owner_of(session), "Viewer")

    assert NEWS not in ines.get("/").content.decode()
    assert tell(ines) == 204


@pytest.mark.parametrize("path", ["results/", "results/1/", "recovery/"])
def test_dialog_never_opens_over_a_review_or_a_recovery(
    ines: Client, session: ProcessingSession, path: str
) -> None:
    assert NEWS not in ines.get(f"/sessions/{session.pk}/{path}").content.decode()


def test_dialog_is_no_news_when_somebody_else_has_decided(ines: Client, session: ProcessingSession) -> None:
    session.cancel(by="ada")

    assert NEWS not in ines.get("/").content.decode()
    assert (tell(ines), Profile.objects.count()) == (204, 0)


def test_dialog_leads_to_the_page_without_script(ines: Client, session: ProcessingSession) -> None:
    first, second = ines.post("/recovery/dialog/"), ines.post("/recovery/dialog/")

    assert (first.headers["Location"], second.headers["Location"]) == (recovery(session), "/")


def test_dialog_is_refused_when_it_is_no_post(ines: Client) -> None:
    assert ines.get("/recovery/dialog/").status_code == 405


def test_banner_says_which_are_safe_and_is_silent_while_that_is_shown(
    ines: Client, session: ProcessingSession, tmp_path: Path
) -> None:
    doubtful = lying_session(tmp_path / "other", owner=owner_of(session), name="Archive")
    unsure(doubtful)
    interrupt(doubtful)

    banner = asked_by_htmx(ines, "/recovery/banner/")
    page, version = banner.content.decode(), banner.context["waiting"].version
    again = asked_by_htmx(ines, f"/recovery/banner/?version={version}")
    doubtful.cancel(by="ines")

    assert "2 sessions were interrupted. Every saved verdict is safe." in page
    assert "Resume the safe one" in page
    assert "needs your look first." in page
    assert again.status_code == 204
    assert asked_by_htmx(ines, f"/recovery/banner/?version={version}").status_code == 200


@pytest.mark.parametrize("query", [f"?version={'x' * 99}", "?part=all"])
def test_banner_that_is_asked_for_nonsense_answers_400(ines: Client, query: str) -> None:
    assert asked_by_htmx(ines, f"/recovery/banner/{query}").status_code == 400


def test_button_counts_the_safe_ones(ines: Client, session: ProcessingSession) -> None:
    button = asked_by_htmx(ines, "/recovery/banner/?part=button").content.decode()

    assert "Resume 1 safe session" in button


def test_all_safe_ones_go_on_and_the_others_stay(
    ines: Client, session: ProcessingSession, tmp_path: Path
) -> None:
    doubtful = lying_session(tmp_path / "a", owner=owner_of(session), name="Archive")
    foreign = lying_session(tmp_path / "b", owner=make_user("eve"))
    unsure(doubtful)
    interrupt(doubtful)
    interrupt(foreign)

    response = ines.post("/recovery/batch/", {"all_safe": "on"}, REMOTE_ADDR="10.0.0.7")
    page = ines.get("/recovery/batch/").content.decode()

    statuses = [standing(one)[0] for one in (session, doubtful, foreign)]
    assert (response.status_code, response.headers["Location"]) == (303, "/recovery/batch/")
    assert statuses == [Status.RUNNING, Status.INTERRUPTED, Status.INTERRUPTED]
    assert "1 session goes on" in page
    assert "10 verdicts kept, 0 made again, 2 photos left." in page
    assert "1 judged photos have changed and 0 are gone." in page
    entry = AuditEntry.objects.get(action="recover")
    assert (entry.actor, entry.address, entry.session) == ("ines", "10.0.0.7", session.pk)


def test_chosen_sessions_go_on_though_they_are_unsure(ines: Client, session: ProcessingSession) -> None:
    unsure(session)

    response = ines.post("/recovery/batch/", {"ids": [str(session.pk)]})

    assert response.status_code == 303
    assert standing(session)[:2] == (Status.RUNNING, 1)
    assert ines.get("/recovery/batch/").status_code == 200
    assert RecoveryAttempt.objects.count() == 1


def test_session_that_was_paused_meanwhile_does_not_go_on_with_others(
    ines: Client, session: ProcessingSession
) -> None:
    execute_recovery(session, "continue", by="ben")
    acts.pause(session, actor="ben", why="the wrong rules")

    ines.post("/recovery/batch/", {"ids": [str(session.pk)]})
    page = ines.get("/recovery/batch/").content.decode()

    assert standing(session)[:2] == (Status.PAUSED, 1)
    assert "It is not interrupted any more: somebody else was first." in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose at least one session."),
        ({"ids": ["seven"]}, "“seven” is not a valid UUID."),
        ({"ids": ["00000000-0000-4000-8000-000000000000"]}, "or it belongs to somebody else."),
        ({"ids": ["a\x07b"]}, "is not a valid UUID."),
    ],
)
def test_batch_says_what_is_wrong_with_its_fields(
    ines: Client, session: ProcessingSession, fields: dict[str, list[str]], sentence: str
) -> None:
    response = ines.post("/recovery/batch/", fields)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert RecoveryAttempt.objects.count() == 0


def test_session_of_another_is_not_recovered_with_others(ines: Client, session: ProcessingSession) -> None:
    foreign = make_session(owner=make_user("eve"))
    foreign.latch()

    response = ines.post("/recovery/batch/", {"ids": [str(session.pk), str(foreign.pk)]})

    assert response.status_code == 400
    assert RecoveryAttempt.objects.count() == 0


def test_who_may_only_look_recovers_nothing(ines: Client, session: ProcessingSession) -> None:
    give_role(owner_of(session), "Viewer")

    response = ines.post("/recovery/batch/", {"ids": [str(session.pk)]})

    assert response.status_code == 403
    assert RecoveryAttempt.objects.count() == 0
    assert AuditEntry.objects.filter(outcome__startswith="refused").count() == 1


def test_batch_page_leads_to_the_recoveries_when_nothing_was_done(ines: Client) -> None:
    assert ines.get("/recovery/batch/").headers["Location"] == "/recovery/"


def test_pages_ask_no_more_of_the_database_when_many_wait(
    ines: Client, session: ProcessingSession, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        interrupt(make_session(owner=owner_of(session)))

    with django_assert_max_num_queries(17):
        response = ines.get("/")

    assert "21 sessions were interrupted." in response.content.decode()
