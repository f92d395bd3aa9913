"""Administration of people and roles: nobody gives away more than he has, and every change is in the audit log."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from config.lists import KEY_DIGITS_MAX, CheckedAdmin
from processing import access
from recovery import roles
from recovery.audit import Action, person_of
from recovery.refusals import recorded_if_refused

if TYPE_CHECKING:
    DjangoUserAdmin = UserAdmin[User]
    ChoicesOfMany = forms.ModelMultipleChoiceField[Any]
else:
    DjangoUserAdmin = UserAdmin
    ChoicesOfMany = forms.ModelMultipleChoiceField

refusals_recorded = recorded_if_refused(Action.ROLE)
SUPERUSERS_ONLY = ("is_staff", "is_superuser", "user_permissions")
GUARDED = (*SUPERUSERS_ONLY, "groups")


class Choices(ChoicesOfMany):
    """Rows by their numbers; one with more digits than a database can keep is no row."""

    def clean(self, value: Any) -> Any:
        """Read the numbers. Raises ValidationError for what names no row."""
        for one in value or ():
            if len(one) > KEY_DIGITS_MAX:
                raise ValidationError(
                    self.error_messages["invalid_pk_value"], code="invalid_pk_value", params={"pk": one[:20]}
                )
        return super().clean(value)


class PeopleAdmin(CheckedAdmin, DjangoUserAdmin):
    """People. What lifts somebody above an Administrator is a superuser's to give."""

    change_view = refusals_recorded(DjangoUserAdmin.change_view)
    delete_view = refusals_recorded(DjangoUserAdmin.delete_view)
    changelist_view = refusals_recorded(CheckedAdmin.changelist_view)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Give the field of the roles or rights of a person."""
        return super().formfield_for_manytomany(db_field, request, form_class=Choices, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Show what this person may not change, without a field to change it."""
        if request.user.is_active and request.user.is_superuser:
            return ()
        if obj is None or access.may_change_roles(request.user, obj):
            return SUPERUSERS_ONLY
        return (*GUARDED, "is_active")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep people out of the hands of those who may do less; a new password would be enough to become them."""
        return super().has_change_permission(request, obj) and self._is_within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep people out of the hands of those who may do less."""
        return super().has_delete_permission(request, obj) and self._is_within_reach(request, obj)

    def _is_within_reach(self, request: HttpRequest, obj: User | None) -> bool:
        if obj is None or (request.user.is_active and request.user.is_superuser):
            return True
        return not obj.is_superuser and (
            access.may_administer(request.user) or not access.may_administer(obj)
        )

    @refusals_recorded
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add a person, without any right at first."""
        self._refuse_hidden_fields(request, None)
        return super().add_view(request, form_url, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show or store a person. Raises NotAllowed for fields that the form has not shown."""
        found = None if object_id is None else self.get_object(request, unquote(object_id))
        self._refuse_hidden_fields(request, found)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def _refuse_hidden_fields(self, request: HttpRequest, obj: User | None) -> None:
        if request.POST.keys() & {*GUARDED} & {*self.get_readonly_fields(request, obj)}:
            raise access.NotAllowed(_("These rights are not yours to give."))

    @refusals_recorded
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set somebody's password, which ends all of that person's sessions."""
        with transaction.atomic():
            before = self.get_object(request, unquote(id))
            response = super().user_change_password(request, id, form_url)
            after = self.get_object(request, unquote(id))
            if before and after and before.password != after.password:
                old, new = {"password": "before"}, {"password": "set anew"}
                roles.record_change(after.get_username(), old, new, **person_of(request))
        return response

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 -- the admin's signature
        """Store a person's roles, and the entry in the audit log in the same transaction."""
        super().save_related(request, form, formsets, change)
        after = roles.standing_of(form.instance)
        if change:
            after["name"] = form.instance.get_username()
        before = after | _initial_standing(form) if change else {}
        roles.record_change(form.instance.get_username(), before, after, **person_of(request))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Remove a person; the administration has opened the transaction."""
        roles.record_change(obj.get_username(), roles.standing_of(obj), {}, **person_of(request))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Remove those that were ticked, each with its entry in the audit log."""
        with transaction.atomic():
            for person in queryset.order_by("pk"):
                self.delete_model(request, person)


def _initial_standing(form: Any) -> dict[str, Any]:
    """Give what a form showed of somebody's standing; what it did not show it cannot change."""
    shown = {name: form.initial[name] for name in roles.FLAGS if name in form.fields}
    if "username" in form.fields:
        shown["name"] = form.initial["username"]
    if "groups" in form.fields:
        shown["roles"] = sorted(group.name for group in form.initial["groups"])
    if "user_permissions" in form.fields:
        shown["rights"] = sorted(right.codename for right in form.initial["user_permissions"])
    return shown


class RolesAdmin(CheckedAdmin, GroupAdmin):
    """Roles and what they allow."""

    add_view = refusals_recorded(GroupAdmin.add_view)
    change_view = refusals_recorded(GroupAdmin.change_view)
    delete_view = refusals_recorded(GroupAdmin.delete_view)
    changelist_view = refusals_recorded(CheckedAdmin.changelist_view)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Give the field of the rights of a role."""
        return super().formfield_for_manytomany(db_field, request, form_class=Choices, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave roles to Administrators."""
        return access.may_administer(request.user) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Leave roles to Administrators: who may change what one allows could give himself everything."""
        return access.may_administer(request.user) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Leave roles to Administrators."""
        return access.may_administer(request.user) and super().has_delete_permission(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 -- the admin's signature
        """Store what a role allows, and the entry in the audit log in the same transaction."""
        super().save_related(request, form, formsets, change)
        after = roles.rights_of(form.instance)
        before = _initial_rights(form) if change else {}
        roles.record_change(f"role {form.instance.name}", before, after, **person_of(request))

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Remove a role; the administration has opened the transaction."""
        roles.record_change(f"role {obj.name}", roles.rights_of(obj), {}, **person_of(request))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        """Remove those that were ticked, each with its entry in the audit log."""
        with transaction.atomic():
            for group in queryset.order_by("pk"):
                self.delete_model(request, group)


def _initial_rights(form: Any) -> dict[str, Any]:
    rights = sorted(right.codename for right in form.initial["permissions"])
    return {"name": form.initial["name"], "rights": rights}
