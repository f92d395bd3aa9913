"""What several commands print of a session: its whole published object, and lines for people."""

from collections.abc import Mapping
from typing import Any

from processing.models import ProcessingSession
from processing.progress import session_of, workers_of
from recovery.detection import crash_of, last_crash_of
from recovery.models import Crash


def crash_line(crash: Crash | None) -> dict[str, Any] | None:
    """Give a crash as it stands inside a session's line."""
    return None if crash is None else {"type": "crash"} | crash_of(crash)


def whole_session(session: ProcessingSession) -> dict[str, Any]:
    """Give a session with its workers and its last crash."""
    return session_of(session) | {
        "workers": workers_of(session),
        "last_crash": crash_line(last_crash_of(session)),
    }


def progress_text(published: Mapping[str, Any]) -> str:
    """Say how far a session is: processed of total, as far as the total is known."""
    total = published["total"]
    return f"{published['processed']}/{'?' if total is None else total}"


def status_text(published: Mapping[str, Any]) -> str:
    """Say in one line how a session stands."""
    counts = ", ".join(f"{published[name]} {name}" for name in ("approved", "rejected", "failed"))
    text = f"{published['status']}: {progress_text(published)} photos, {counts}"
    if published["rate_per_s"] is not None:
        text += f", {published['rate_per_s']:.1f} photos/s"
    if published["eta_s"] is not None:
        text += f", {published['eta_s']:.0f} s left"
    return text
