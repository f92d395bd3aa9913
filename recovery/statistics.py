"""What crashes and recoveries cost."""

from django.db.models import Sum

from processing.models import ProcessingSession
from recovery.models import Crash, RecoveryAttempt


def totals_of(session: ProcessingSession) -> dict[str, int]:
    """Count a session's crashes, recoveries, and verdicts that a death discarded, so that photos were analyzed twice."""
    crashes = Crash.objects.filter(session=session)
    return {
        "crashes": crashes.count(),
        "recoveries": RecoveryAttempt.objects.filter(session=session).count(),
        "analysed_twice": crashes.aggregate(n=Sum("discarded_count"))["n"] or 0,
    }
