"""Whether what is stored is what was written. Everything here may be asked at any time; nothing is changed."""

from recovery.batch_checks import check_batch
from recovery.findings import Finding
from recovery.session_checks import check_sums

__all__ = ["Finding", "check_batch", "check_sums"]
