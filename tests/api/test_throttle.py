"""How often somebody may call."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from processing import throttle
from processing.throttle import BUCKETS, Buckets
from tests.api.asking import post, script, told
from tests.people import make_user, signed_in


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock of the test."""
    return Clock()


@pytest.fixture
def buckets(clock: Clock) -> Buckets:
    """Buckets of three requests, of which two come back in a second."""
    return Buckets(rate_per_s=2, burst=3, clock=clock)


def test_limits_are_those_that_are_published() -> None:
    assert (BUCKETS.rate_per_s, BUCKETS.burst) == (20, 100)


def test_burst_is_let_through_and_then_told_how_long_to_wait(buckets: Buckets) -> None:
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]


def test_bucket_is_filled_again_as_fast_as_the_rate_and_no_further(buckets: Buckets, clock: Clock) -> None:
    for _ in range(3):
        buckets.take("a")
    clock.now_s += 0.75
    after_a_while = [buckets.take("a") for _ in range(2)]
    clock.now_s += 3600

    assert after_a_while == [0, 0.25]
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_are_everybodys_own(buckets: Buckets) -> None:
    for _ in range(3):
        buckets.take("a")

    assert buckets.take("b") == 0


def test_only_full_buckets_are_forgotten_when_there_are_too_many(
    buckets: Buckets, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "CALLERS_MAX", 2)
    for _ in range(3):
        buckets.take("old")
    clock.now_s += 1.5
    for _ in range(3):
        buckets.take("busy")
    buckets.take("new")

    assert buckets._levels.keys() == {"busy", "new"}
    assert buckets.take("busy") == 0.5


@pytest.fixture
def slow(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the web's own buckets hold two requests, of which one comes back in 2.5 s."""
    monkeypatch.setattr(BUCKETS, "clock", clock)
    monkeypatch.setattr(BUCKETS, "burst", 2)
    monkeypatch.setattr(BUCKETS, "rate_per_s", 0.4)
    return clock


@pytest.mark.django_db
def test_script_that_asks_too_often_is_told_when_to_ask_again(owner: User, slow: Clock) -> None:
    client = script(owner)
    path = "/api/v1/presets"

    answers = [client.get(path) for _ in range(3)]
    slow.now_s += 2.5
    later = client.get(path)

    assert [one.status_code for one in answers] == [200, 200, 429]
    told(answers[2], 429, "throttled")
    assert answers[2].headers["Retry-After"] == "3"
    assert later.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/openapi.json"])
def test_description_counts_too(owner: User, slow: Clock, path: str) -> None:
    client = signed_in(owner)

    answers = [client.get(path) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    told(answers[2], 429, "throttled")


@pytest.mark.django_db
def test_one_request_is_counted_once_even_with_a_key(owner: User, slow: Clock) -> None:
    client = script(owner)
    headers = {"Idempotency-Key": "k"}

    answers = [post(client, "/api/v1/presets", {}, headers=headers) for _ in range(3)]

    assert [one.status_code for one in answers] == [422, 422, 429]


@pytest.mark.django_db
def test_tokens_and_browsers_of_one_person_do_not_wait_for_each_other(owner: User, slow: Clock) -> None:
    clients = [script(owner), script(owner), signed_in(owner), script(make_user("other"))]

    answers = [client.get("/api/v1/presets").status_code for client in clients for _ in range(2)]

    assert answers == [200] * 8


@pytest.mark.django_db
def test_stranger_takes_nothing_out_of_a_bucket(db: None, slow: Clock) -> None:
    answers = [Client().get("/api/v1/presets").status_code for _ in range(3)]

    assert answers == [401] * 3
