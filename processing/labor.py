"""What the pages show of workers: a line of each, in honest words, and which stage holds the work up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from processing import recorder, wording
from processing.models import Worker
from processing.worker import is_here

STAGES = {
    "read": gettext_lazy("reading the files"),
    "decode": gettext_lazy("decoding"),
    "measure": gettext_lazy("measuring"),
    "commit": gettext_lazy("the database"),
}
ADVICE = {
    "read": gettext_lazy("A faster disk or network would help; more workers would not."),
    "decode": gettext_lazy("More workers or more processor cores would help."),
    "measure": gettext_lazy("A graphics card, or more workers, would help."),
    "commit": gettext_lazy("A faster disk for the database would help; more workers would not."),
}
# Below this share no stage stands out, and nothing is named.
BOTTLENECK_MIN = 0.5
# So much time must have been seen before anything is said.
SEEN_S_MIN = 2.0


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker: where it is, what it does, and how much of what it needs.

    `is_delayed` says that it waits for something that should be there.
    """

    host: str
    pid: int
    device: str
    age_s: int
    photo: str
    rate_per_s: float | None
    state: str = ""
    is_delayed: bool = False
    memory: str = ""


def line_of(worker: Any) -> WorkerLine:
    """Build one worker's line; the query has annotated `now`, the database's clock."""
    told = worker.telemetry
    tries = _tries_of(worker)
    return WorkerLine(
        host=worker.host,
        pid=worker.pid,
        device=worker.device,
        age_s=max(round((worker.now - worker.heartbeat_at).total_seconds()), 0),
        photo=told.get("photo") or "",
        rate_per_s=told.get("rate_per_s"),
        state=tries or (_("Analyzing") if worker.lane_session_id else _("Waiting for work")),
        is_delayed=bool(tries),
        memory=wording.file_size(told["rss_bytes"]) if told.get("rss_bytes") else "",
    )


def _tries_of(worker: Worker) -> str:
    """Say what a worker of this host tries again; those of others say nothing while the database is away."""
    if not is_here(worker):
        return ""
    facts = recorder.read_flight(worker.token).extra
    if facts.get("database_tries"):
        return _("Waiting for the database, try {number}").format(number=facts["database_tries"])
    if facts.get("source_tries"):
        return _("Reading a photo again, try {number}").format(number=facts["source_tries"])
    return ""


def bottleneck_of(workers: Sequence[Any]) -> str:
    """Name the stage that the workers wait for most, and what would help; empty when none stands out."""
    seconds = dict.fromkeys(STAGES, 0.0)
    for worker in workers:
        for stage, spent_s in worker.telemetry.get("stages", {}).items():
            seconds[stage] = seconds.get(stage, 0.0) + spent_s
    total_s = sum(seconds.values())
    slowest = max(seconds, key=lambda stage: seconds[stage])
    if total_s < SEEN_S_MIN or seconds[slowest] / total_s < BOTTLENECK_MIN:
        return ""
    share = f"{round(100 * seconds[slowest] / total_s)}{wording.NO_BREAK}%"
    told = _("Most of the time, {share}, goes into {stage}.").format(share=share, stage=STAGES[slowest])
    return f"{told} {ADVICE[slowest]}"
