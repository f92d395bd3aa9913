"""Numbers for Prometheus, read from the database when they are asked for: rows that hold counters, never results."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db.models import Case, Count, Sum, Value, When
from django.db.models.functions import Now
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from processing import disks, queue
from processing.models import Batch, ProcessingSession, Worker
from processing.models.session_set import TABS
from processing.states import Verdict
from recovery.statistics import statistics_since

if TYPE_CHECKING:
    from django.db.models import QuerySet

VERDICTS = [verdict.value for verdict in Verdict]


def exposition() -> bytes:
    """Write all numbers in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector())
    return generate_latest(registry)


class DatabaseCollector(Collector):
    """Each kind of numbers is one short query; none counts results, so a million of them cost nothing."""

    def describe(self) -> list[Metric]:
        """Say nothing at registration: that would already ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read them."""
        yield _labeled("stockproof_sessions", "Sessions by status.", "status", count_sessions())
        yield _labeled("stockproof_photos", "Decided photos by decision.", "verdict", count_photos())
        yield from _recovery()
        yield from _work()
        yield _labeled(
            "stockproof_disk_free_bytes",
            "Free bytes on the disks of Stockproof.",
            "disk",
            {room.name: room.free_bytes for room in disks.rooms()},
        )


def count_sessions() -> dict[str, int]:
    """Count sessions by status, scanning and comparing as running."""
    word = Case(*[When(condition, then=Value(name)) for name, condition in TABS.items()])
    rows = (
        ProcessingSession.objects.order_by().annotate(word=word).values_list("word").annotate(n=Count("pk"))
    )
    return dict.fromkeys(TABS, 0) | dict(rows)


def count_photos() -> dict[str, int]:
    """Add up the counters of sessions, and those of open batches, which their sessions do not hold yet.

    One statement: a batch that ends between two would be in neither.
    """
    unfinished = Batch.objects.unfinished().filter(processed__gt=0)
    rows = _sums(ProcessingSession.objects.all()).union(_sums(unfinished), all=True)
    return dict(
        zip(VERDICTS, (sum(n or 0 for n in column) for column in zip(*rows, strict=True)), strict=True)
    )


def _sums(rows: "QuerySet[Any]") -> "QuerySet[Any, tuple[Any, ...]]":
    together: QuerySet[Any, Any] = rows.order_by().annotate(together=Value(1)).values("together")
    sums: QuerySet[Any, Any] = together.annotate(**{f"sum_{name}": Sum(name) for name in VERDICTS})
    return sums.values_list(*[f"sum_{name}" for name in VERDICTS])


def _recovery() -> Iterator[Metric]:
    found = statistics_since()
    yield _labeled("stockproof_crashes", "Crashes by type.", "type", found.crashes_by_type)
    yield _labeled(
        "stockproof_recoveries", "Recoveries by what became of them.", "outcome", found.recoveries_by_outcome
    )


def _work() -> Iterator[Metric]:
    seconds = CounterMetricFamily(
        "stockproof_commit_seconds", "Time that commits of verdicts took, added up."
    )
    commits = CounterMetricFamily("stockproof_commits", "Commits of verdicts.")
    telemetry = list(Worker.objects.laborers().order_by("pk").values_list("telemetry", flat=True))
    seconds.add_metric([], round(sum(one.get("commit_s", 0.0) for one in telemetry), 4))
    commits.add_metric([], sum(one.get("commits_count", 0) for one in telemetry))
    age = GaugeMetricFamily(
        "stockproof_heartbeat_age_seconds",
        "Seconds since a living process last said that it lives.",
        labels=["host", "pid", "kind"],
    )
    living = (
        Worker.objects.living().order_by("pk").values_list("host", "pid", "parent", "heartbeat_at", Now())
    )
    for host, pid, parent, beat_at, now in living:
        kind = "parent" if parent is None else "worker"
        age.add_metric([host, str(pid), kind], max((now - beat_at).total_seconds(), 0.0))
    waiting = GaugeMetricFamily("stockproof_queue_calls", "Calls that no worker has taken yet.")
    waiting.add_metric([], queue.waiting_count())
    yield from (seconds, commits, age, waiting)


def _labeled(name: str, text: str, label: str, numbers: dict[str, int]) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=[label])
    for value, number in numbers.items():
        metric.add_metric([value], number)
    return metric
