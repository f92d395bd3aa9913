"""`/readyz` and `/metrics`: what is missing is named, numbers are stored ones, and strangers get none."""

import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from processing import tokens
from processing.models import Scope, Worker
from processing.states import BatchStatus, Hold, Stage
from tests.factories import make_batch, make_crash, make_session, make_worker
from tests.people import make_user, signed_in, statements

pytestmark = pytest.mark.django_db
REMOTE = {"REMOTE_ADDR": "203.0.113.9"}


def numbers(client: Client) -> dict[tuple[str, ...], float]:
    """Read the numbers as Prometheus does: by name and labels."""
    text = client.get("/metrics").content.decode()
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_ready_when_a_worker_lives_and_not_when_it_has_been_silent_too_long(client: Client) -> None:
    make_worker(parent=make_worker())

    ready = client.get("/readyz")
    Worker.objects.update(heartbeat_at=Now() - timedelta(hours=1))
    silent = client.get("/readyz")

    assert (ready.status_code, ready.json()["missing"]) == (200, [])
    assert (silent.status_code, silent.json()["ready"], silent.json()["missing"]) == (503, False, ["workers"])


def test_not_ready_when_a_migration_of_this_version_is_missing(client: Client) -> None:
    make_worker(parent=make_worker())
    MigrationRecorder(connection).record_unapplied("processing", "0006_tokens_and_kept_answers")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["missing"]) == (503, ["migrations"])


def test_readiness_takes_three_queries_and_warns_of_a_disk(
    client: Client, settings: Settings, tmp_path: object
) -> None:
    make_worker(parent=make_worker())
    client.get("/readyz")
    settings.STOCKPROOF_VAR = f"{tmp_path}/gone"

    with CaptureQueriesContext(connection) as captured:
        answer = client.get("/readyz")

    asked = [sql for sql in statements(captured) if "sqlite_master" not in sql and "pg_catalog" not in sql]
    assert len(asked) == 3
    assert (answer.status_code, answer.json()["warnings"]) == (200, ["disk state is getting full"])


def test_metrics_add_up_stored_counters(client: Client) -> None:
    counters = {"processed": 9, "approved": 5, "rejected": 2, "unreadable": 1, "quarantined": 1}
    make_session(stage=Stage.COMPLETED, total=9, **counters)
    running = make_session(total=8)
    worker = make_worker(parent=make_worker(), telemetry={"commit_s": 0.5, "commits_count": 4})
    make_batch(session=running, worker=worker, processed=3, approved=3)
    make_batch(session=running, status=BatchStatus.DONE, processed=4, approved=4)
    make_session(hold=Hold.PAUSED)
    make_session(crashed_at=Now())
    make_crash(worker=make_worker(), session=running, crash_type="power_failure")

    found = numbers(client)

    photos = {key[1]: value for key, value in found.items() if key[0] == "stockproof_photos"}
    sessions = {key[1]: value for key, value in found.items() if key[0] == "stockproof_sessions"}
    assert photos == {"approved": 8, "rejected": 2, "unreadable": 1, "quarantined": 1}
    assert sessions == {
        "running": 1,
        "interrupted": 1,
        "paused": 1,
        "failed": 0,
        "completed": 1,
        "cancelled": 0,
    }
    assert found["stockproof_crashes", "power_failure"] == 1
    assert found["stockproof_recoveries", "succeeded"] == 0
    assert found[("stockproof_commit_seconds_total",)] == 0.5
    assert found[("stockproof_commits_total",)] == 4
    assert 0 <= found["stockproof_heartbeat_age_seconds", "atelier", "worker", str(worker.pid)] < 60
    assert found[("stockproof_queue_calls",)] == 0
    assert found["stockproof_disk_free_bytes", "state"] > 0


def test_metrics_are_there_without_any_row(client: Client) -> None:
    found = numbers(client)

    assert [found["stockproof_photos", verdict] for verdict in ("approved", "rejected")] == [0, 0]


def test_metrics_never_read_results(client: Client) -> None:
    make_session()

    with CaptureQueriesContext(connection) as captured:
        client.get("/metrics")

    assert [
        sql for sql in statements(captured) if sql.startswith('SELECT COUNT(*) FROM "processing_imageresult"')
    ] == []
    assert len(captured) <= 20


def test_metrics_from_elsewhere_need_a_token_that_may_read() -> None:
    user = make_user("ines")
    reading, running = (tokens.make(user, [scope])[1] for scope in (Scope.READ, Scope.RUN))
    browser = signed_in(user)

    answers = [
        browser.get("/metrics", headers=headers, **REMOTE)
        for headers in (
            {},
            {"Authorization": "Bearer sp_none"},
            {"Authorization": f"Bearer {running}"},
            {"Authorization": f"Bearer {reading}"},
        )
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 403, 200]
    assert b"stockproof_sessions" not in answers[0].content + answers[2].content
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="stockproof"'


def test_request_is_logged_in_one_line_with_its_id_its_session_and_who_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    user = make_user("ines")
    session = make_session(owner=user)
    client = signed_in(user)

    with caplog.at_level(logging.INFO, "config.middleware"):
        answer = client.get(
            f"/sessions/{session.pk}/?verdict=secret", headers={"X-Request-ID": "from-proxy-1"}
        )
        client.get("/a%1Bb/", headers={"X-Request-ID": "forged\nline"})

    page, forged = [one for one in caplog.records if one.name == "config.middleware"]
    told = (page.method, page.path, page.status, page.user)
    assert told == ("GET", f"/sessions/{session.pk}/", 200, "ines")
    assert 0 <= page.duration_s < 60
    assert answer.headers["X-Request-ID"] == "from-proxy-1"
    assert (forged.path, forged.status) == ("/a\x1bb/", 404)
