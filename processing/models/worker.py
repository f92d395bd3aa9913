"""Every process that works or watches: parents, which people start, and the workers they keep."""

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Collection

    from processing.models.session import ProcessingSession


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Workers by what they are and whom they serve."""

    def living(self) -> Self:
        """Those that neither ended nor were buried."""
        return self.filter(ended_at=None)

    def living_tokens(self, tokens: "Collection[str]") -> set[str]:
        """Give those of some tokens whose processes neither ended nor were buried."""
        living = self.living().filter(token__in=tokens).order_by("pk")
        return set(living.values_list("token", flat=True))

    def parents(self) -> Self:
        """Those that a person started."""
        return self.filter(parent=None)

    def laborers(self) -> Self:
        """Those that analyze photos."""
        return self.exclude(parent=None)

    def serving(self, session_id: object) -> Self:
        """Those that may take work of a session: they serve all or this one, and so does their parent.

        test: test_claim_is_refused_when_the_process_serves_another_session.
        """
        own = Q(serves=None) | Q(serves=session_id)
        return self.filter(own, Q(parent__serves=None) | Q(parent__serves=session_id))

    def silent(self, timeout_s: float) -> Self:
        """Those whose last beat is older than a time-out, by the database's clock."""
        return self.filter(heartbeat_at__lt=Now() - timedelta(seconds=timeout_s))


class Worker(models.Model):
    """One process. Its token is the name of its flight recorder and the proof that the file is its own."""

    token = models.CharField(_("token"), max_length=32, unique=True)
    host = models.CharField(_("host"), max_length=255)
    boot_id = models.CharField(_("boot"), max_length=64)
    pid = models.BigIntegerField(_("process"))
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    serves = models.ForeignKey(
        "processing.ProcessingSession", models.CASCADE, null=True, blank=True, related_name="own_workers"
    )
    lane_session = models.ForeignKey(
        "processing.ProcessingSession", models.SET_NULL, null=True, blank=True, related_name="lane_workers"
    )
    device = models.CharField(_("device"), max_length=32, blank=True)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    heartbeat_at = models.DateTimeField(_("last beat"), db_default=Now())
    beat = models.BigIntegerField(_("beat number"), db_default=0)
    telemetry = models.JSONField(_("telemetry"), default=dict, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        indexes: ClassVar = [
            models.Index(fields=["host"], condition=Q(ended_at=None), name="living_worker_by_host"),
            models.Index(fields=["lane_session"], condition=Q(ended_at=None), name="living_worker_by_lane"),
        ]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    @property
    def is_parent(self) -> bool:
        """Whether a person started this process."""
        return self.parent_id is None

    def keep_alive(self, telemetry: dict[str, object]) -> bool:
        """Beat once; False says that this worker was buried and must drop its work."""
        changed = (
            Worker.objects.living()
            .filter(pk=self.pk)
            .update(heartbeat_at=Now(), beat=F("beat") + 1, telemetry=telemetry)
        )
        return changed == 1

    def enter_lane(self, session: "ProcessingSession | None") -> bool:
        """Say which session this worker works for now; False says that it was buried."""
        return Worker.objects.living().filter(pk=self.pk).update(lane_session=session) == 1

    def name_device(self, device: str) -> None:
        """Say what this worker computes on, once that is known."""
        Worker.objects.filter(pk=self.pk).update(device=device[:32])

    def end(self, telemetry: dict[str, object] | None = None) -> bool:
        """Mark the clean end, with the last telemetry; `ended_at` never goes back, so False says that it was buried.

        test: test_buried_worker_can_neither_beat_nor_enter_a_lane_nor_end.
        """
        last = {} if telemetry is None else {"telemetry": telemetry}
        living = Worker.objects.living().filter(pk=self.pk)
        return living.update(ended_at=Now(), lane_session=None, **last) == 1
