"""The rows are the truth: a photo is done when its result row is committed.

Read in this order: preset, session, worker, batch, result, override, skipped, profile, token, answer.
"""

from processing.models.answer import KeptAnswer
from processing.models.batch import Batch, LeaseLost
from processing.models.override import Override
from processing.models.preset import Preset
from processing.models.profile import Profile, Theme
from processing.models.result import ImageResult
from processing.models.session import ProcessingSession, StepRefused
from processing.models.session_set import SessionNotFound
from processing.models.skipped import SkippedEntry
from processing.models.token import ApiToken, Scope
from processing.models.worker import Worker

__all__ = [
    "ApiToken",
    "Batch",
    "ImageResult",
    "KeptAnswer",
    "LeaseLost",
    "Override",
    "Preset",
    "ProcessingSession",
    "Profile",
    "Scope",
    "SessionNotFound",
    "SkippedEntry",
    "StepRefused",
    "Theme",
    "Worker",
]
