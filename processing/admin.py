"""Administration: presets are edited here; what the machine wrote can only be looked at."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin, messages
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from config.admin import MachineRowAdmin
from config.lists import CheckedAdmin
from processing import access
from processing.forms import PresetForm
from processing.models import (
    ApiToken,
    Batch,
    ImageResult,
    Override,
    Preset,
    ProcessingSession,
    SkippedEntry,
    Worker,
)
from recovery import bulk
from recovery.audit import Action, ActRefused, person_of
from recovery.presets import record_preset
from recovery.refusals import recorded_if_refused
from recovery.token_acts import revoke_token

if TYPE_CHECKING:
    PresetModelAdmin = admin.ModelAdmin[Preset]
else:
    PresetModelAdmin = admin.ModelAdmin

refusals_recorded = recorded_if_refused(Action.PRESET)

# A message deleted or a task retried there would bypass leases and fencing; the rows remember all there is.
for model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(Preset)
class PresetAdmin(CheckedAdmin, PresetModelAdmin):
    """Limits that a person may change; sessions keep their copy."""

    form = PresetForm
    list_display = ("name",)
    ordering = ("name", "pk")
    add_view = refusals_recorded(PresetModelAdmin.add_view)
    change_view = refusals_recorded(PresetModelAdmin.change_view)
    delete_view = refusals_recorded(PresetModelAdmin.delete_view)
    changelist_view = refusals_recorded(CheckedAdmin.changelist_view)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Store it; when somebody has taken the name meanwhile, a second look says so beside the field.

        test: test_preset_says_that_its_name_is_taken_when_two_are_saved_at_once.
        """
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            return super().changeform_view(request, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Preset | None = None) -> bool:
        """Keep the default preset: sessions get it when nobody names another."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_default)

    def save_model(self, request: HttpRequest, obj: Preset, form: Any, change: Any) -> None:
        """Store it with its entry in the audit log; the administration has opened the transaction."""
        super().save_model(request, obj, form, change)
        record_preset(obj, "changed" if change else "added", **person_of(request))

    def delete_model(self, request: HttpRequest, obj: Preset) -> None:
        """Remove it with its entry in the audit log."""
        record_preset(obj, "removed", **person_of(request))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Preset]) -> None:
        """Remove those that were ticked, each with its entry in the audit log."""
        with transaction.atomic():
            for preset in queryset.order_by("pk"):
                self.delete_model(request, preset)


# Of more sessions than this at once a person does not read the answers.
ACTED_ON_MAX = 100
ATTEMPT_DIGITS_MAX = 9


@admin.register(ProcessingSession)
class SessionAdmin(MachineRowAdmin):
    """Sessions, and what may be done to several at once; each act is the one that commands and pages call."""

    session_field = "pk"
    list_display = ("name", "id", "owner_id", "stage", "hold", "crashed_at", "created_at")
    list_filter = ("stage", "hold")
    ordering = ("-created_at", "-pk")
    actions = tuple(bulk.ACTS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the acts that this person's role may ever do; whether to a session, is asked for each."""
        may_operate, may_verify = access.may_operate(request.user), access.may_audit(request.user)
        return {
            name: (_action(name), name, act.label)
            for name, act in bulk.ACTS.items()
            if may_operate or (may_verify and act.is_allowed is access.may_verify)
        }


def _action(
    name: str,
) -> Callable[[SessionAdmin, HttpRequest, QuerySet[ProcessingSession]], HttpResponse | None]:
    """Make the action of one act: those with a preview are asked about on a page of their own first."""

    def act(
        modeladmin: SessionAdmin, request: HttpRequest, queryset: QuerySet[ProcessingSession]
    ) -> HttpResponse | None:
        sessions = list(queryset.order_by("created_at", "pk")[: ACTED_ON_MAX + 1])
        if len(sessions) > ACTED_ON_MAX:
            why = _("Pick at most {most} sessions at once. Nothing was done.")
            modeladmin.message_user(request, why.format(most=ACTED_ON_MAX), messages.WARNING)
            return None
        if bulk.ACTS[name].preview is not None and "confirmed" not in request.POST:
            return _ask(modeladmin, request, name, sessions)
        shown = (
            {str(one.pk): _shown_attempt(request, one) for one in sessions}
            if "confirmed" in request.POST
            else {}
        )
        for told in bulk.carry_out(name, sessions, request.user, person_of(request), shown):
            level = messages.SUCCESS if told.is_done else messages.WARNING
            modeladmin.message_user(request, f"{told.session}: {told.text}", level)
        return None

    return act


def _shown_attempt(request: HttpRequest, session: ProcessingSession) -> int:
    """Read the state that was shown; what cannot be read is no state that a session can be in."""
    text = request.POST.get(f"attempt-{session.pk}", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= ATTEMPT_DIGITS_MAX else -1


def _ask(
    modeladmin: SessionAdmin, request: HttpRequest, name: str, sessions: list[ProcessingSession]
) -> HttpResponse:
    context = modeladmin.admin_site.each_context(request) | {
        "title": bulk.ACTS[name].label,
        "action": name,
        "asked": bulk.ask(name, sessions, request.user),
        "opts": ProcessingSession._meta,
    }
    return TemplateResponse(request, "admin/confirm_act.html", context)


@admin.register(Batch)
class BatchAdmin(MachineRowAdmin):
    """Batches."""

    list_display = ("session_id", "number", "kind", "status", "lease", "processed", "photos_count")
    list_filter = ("kind", "status")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        """Leave the manifests where they are: a list of hundred would read half a megabyte."""
        return super().get_queryset(request).defer("manifest")


@admin.register(ImageResult)
class ResultAdmin(MachineRowAdmin):
    """Results."""

    list_display = (
        "path_text",
        "session_id",
        "position",
        "verdict",
        "decision",
        "superseded_by",
        "created_at",
    )


# What a worker's row says of the sessions that it works for, and what it proves itself by.
WORKERS_OWN = ("serves", "lane_session", "telemetry", "token")


@admin.register(Worker)
class WorkerAdmin(MachineRowAdmin):
    """Workers and parents; they work for all, so what they do for whom is shown to those who see all sessions."""

    session_field = ""

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 -- the admin's signature
        """Keep names and photos of others back. test: test_worker_tells_nothing_of_the_sessions_of_others."""
        return () if access.may_audit(request.user) else WORKERS_OWN

    list_display = (
        "host",
        "pid",
        "parent_id",
        "serves_id",
        "device",
        "started_at",
        "heartbeat_at",
        "ended_at",
    )


@admin.register(SkippedEntry)
class SkippedEntryAdmin(MachineRowAdmin):
    """What scans left out."""

    list_display = ("path_text", "session_id", "reason")


@admin.register(Override)
class OverrideAdmin(MachineRowAdmin):
    """What persons said of photos; each is an event, which nothing edits."""

    list_display = ("session_id", "position", "old", "new", "by", "note", "created_at")
    ordering = ("-pk",)


@admin.register(ApiToken)
class TokenAdmin(MachineRowAdmin):
    """Tokens: looked at by Administrators and Auditors, revoked by Administrators; nobody sees the hash."""

    session_field = ""
    exclude = ("digest",)
    list_display = (
        "__str__",
        "user",
        "name",
        "scopes",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    ordering = ("-created_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """Give those that this person may see; everybody else sees his own in the settings."""
        tokens = super().get_queryset(request).defer("digest")
        return tokens if access.may_audit(request.user) else tokens.filter(user=request.user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Let Administrators revoke."""
        if not access.may_administer(request.user):
            return {}
        return {"revoke": (_revoke, "revoke", _("Revoke the chosen tokens"))}


def _revoke(modeladmin: TokenAdmin, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
    """Revoke each with its entry in the audit log."""
    for token in queryset.order_by("created_at", "pk")[:ACTED_ON_MAX]:
        try:
            revoke_token(token, **person_of(request))
            modeladmin.message_user(request, f"{token}: revoked.", messages.SUCCESS)
        except ActRefused as refusal:
            modeladmin.message_user(request, str(refusal), messages.WARNING)
