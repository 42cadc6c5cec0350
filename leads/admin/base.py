"""What all pages of accounts' rows have in common: tenants are walls (law 8), and roles say what may be done."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from leads.admin import tenancy
from leads.deals.apply import lock_account
from leads.models import Role, UserAccount
from leads.paging import CappedPaginator

Row = TypeVar("Row", bound=Model)
ACCOUNT = "user_account"


def capitalise_labels(form: forms.BaseForm) -> None:
    """Labels that a form names itself begin as those do that Django makes of a model's names."""
    for field in form.fields.values():
        field.label = capfirst(field.label)


class AccountForm(forms.ModelForm[Any]):
    """A form in which a row cannot refer to another account's rows, even where its author belongs to both."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capitalise_labels(self)

    @property
    def account(self) -> UserAccount | None:
        """Whose row it is, or is going to be; None where nobody was chosen."""
        found: UserAccount | None = self.cleaned_data.get(ACCOUNT) or getattr(self.instance, ACCOUNT, None)
        return found

    def _get_validation_exclusions(self) -> set[str]:
        """What is unique is so within the account. Django asks no constraint of which the form lacks a field, and a
        known row's account is only shown: the second of a name was the database's error, and a page that says 500."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {ACCOUNT} if getattr(self.instance, "user_account_id", None) else excluded

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        account = self.account
        for name, value in list(cleaned.items()):
            theirs = getattr(value, "user_account_id", None) if isinstance(value, Model) else None
            if theirs is not None and account is not None and theirs != account.pk:
                self.add_error(name, ValidationError(_("This belongs to another account.")))
        return cleaned


class AccountScopedAdmin(ModelAdmin, Generic[Row]):
    """Rows of the visitor's accounts, and of no other. Subclasses say which role may do what; None: nobody."""

    view_role: ClassVar[Role] = Role.VIEWER
    add_role: ClassVar[Role | None] = Role.STAFF
    change_role: ClassVar[Role | None] = Role.STAFF
    delete_role: ClassVar[Role | None] = Role.STAFF
    account_path: ClassVar[str] = ACCOUNT
    """From the row to its account, as a query's path; `pk` where the row is the account."""

    form = AccountForm
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 25
    list_max_show_all = 0
    list_filter_submit = True
    show_facets = ShowFacets.NEVER  # a count of the whole table for each choice of each filter
    warn_unsaved_form = True

    # --- Whose rows ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        rows: QuerySet[Row] = super().get_queryset(request)
        ids = tenancy.account_ids(request, self.view_role)
        if ids is None:
            return rows
        # `= id` rather than `IN (id)`: the list then reads its page off the account's own index, already in order.
        return rows.filter(**{self.account_path: ids[0]} if len(ids) == 1 else {f"{self.account_path}__in": ids})

    def account_id_of(self, obj: Any) -> uuid.UUID | None:
        """The account of a row, or of a row's id as the theme's buttons pass it: whatever an address has there."""
        if obj is None:
            return None
        if not isinstance(obj, self.model):
            try:
                obj = self.model._default_manager.filter(pk=obj).only(self.account_path).first()
            except (ValueError, ValidationError):
                return None
        value = getattr(obj, "pk" if self.account_path == "pk" else "user_account_id", None)
        return value if isinstance(value, uuid.UUID) else None

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.title = capfirst(self.opts.verbose_name_plural)
        if not (changes.query or changes.has_active_filters):
            changes.full_result_count = changes.result_count  # or the theme offers to show all of what it shows
        if not changes.multi_page:
            # Django asks for the whole list past the paginator, which has found its rows already.
            changes.result_list = changes.paginator.page(1).object_list
        rows = list(changes.result_list)
        self.prepare_page(request, rows)
        changes.result_list._result_cache = rows  # the list goes on with the rows that were just read
        return changes

    def prepare_page(self, request: HttpRequest, rows: list[Row]) -> None:
        """Gives the rows of one page what their cells need, by a statement for all of them."""

    # --- Who may do what ---

    def has_module_permission(self, request: HttpRequest) -> bool:
        return tenancy.allows(request, self.view_role)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.view_role, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, self.add_role)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.change_role, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.delete_role, obj)

    def has_staff_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For actions: `permissions=["staff"]`."""
        return self.may(request, Role.STAFF, obj)

    def may(self, request: HttpRequest, needed: Role | None, obj: Any = None) -> bool:
        if needed is None:
            return False
        if obj is None:
            return tenancy.allows(request, needed)
        account_id = self.account_id_of(obj)
        return account_id is not None and tenancy.allows(request, needed, account_id)

    def writable(self, request: HttpRequest, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Of the rows that an action was called for, those in whose account the visitor is staff or more."""
        ids = tenancy.account_ids(request, Role.STAFF)
        return rows if ids is None else rows.filter(**{f"{self.account_path}__in": ids})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        # A list that is edited in place asks for a permission in general, not for one on each row.
        if change and not self.has_change_permission(request, obj):
            raise PermissionDenied
        if not change and not tenancy.allows(request, self.add_role or Role.OWNER, self.account_id_of(obj)):
            raise PermissionDenied
        self.save_row(request, obj, form, change)

    def save_row(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Saves only what the form changed: the drain writes other columns of the same row meanwhile."""
        if not change:
            obj.save()
            return
        names = {field.name for field in obj._meta.concrete_fields}
        changed = [name for name in form.changed_data if name in names]
        if changed:
            obj.save(update_fields=[*changed, *(["updated_at"] if "updated_at" in names else [])])

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._lock_accounts_of([obj])
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Row]) -> None:
        self._lock_accounts_of(queryset)
        super().delete_queryset(request, queryset)

    def _lock_accounts_of(self, rows: Iterable[Row]) -> None:
        """What refers to a deleted row is changed along with it: leads, sales, spend, which a drain may be writing."""
        ids = {account_id for row in rows if (account_id := self.account_id_of(row))}
        for account in UserAccount.objects.filter(pk__in=ids).order_by("pk"):
            lock_account(account)

    # --- The account itself in forms and lists ---

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fields = list(super().get_readonly_fields(request, obj))
        # A row does not move to another tenant.
        return [*fields, ACCOUNT] if obj is not None and self.account_path == ACCOUNT else fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = self.fieldsets_for(request, obj)
        if obj is None or tenancy.has_several_accounts(request):
            return fieldsets
        return [(title, {**options, "fields": _without_account(options["fields"])}) for title, options in fieldsets]

    def fieldsets_for(self, request: HttpRequest, obj: Any) -> Any:
        """What the form of this row has; None: of a new one. The account goes by itself where it need not be said."""
        return super().get_fieldsets(request, obj)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        return columns if tenancy.has_several_accounts(request) else [c for c in columns if c != ACCOUNT]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self._choices(db_field, request))
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == ACCOUNT and isinstance(field, ModelChoiceField):
            ids = tenancy.account_ids(request, self.add_role or Role.OWNER)
            if ids is not None and len(ids) == 1:
                field.widget, field.initial = forms.HiddenInput(), ids[0]
        return field

    def _choices(self, db_field: ForeignKey[Any, Any], request: HttpRequest) -> QuerySet[Any]:
        target = db_field.remote_field.model
        if target is UserAccount:
            return tenancy.accounts_of(request, self.add_role or Role.OWNER)
        ids = tenancy.account_ids(request)
        rows: QuerySet[Any] = target._default_manager.all()
        if ids is None:
            return rows
        try:
            target._meta.get_field(ACCOUNT)
        except FieldDoesNotExist:
            return rows.none()
        return rows.filter(user_account__in=ids)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the page offers as a filter: `?raw_body__contains=` would read a million bodies."""
        offered = {"id", "pk"}
        for item in self.get_list_filter(request):
            if isinstance(item, type) and issubclass(item, SimpleListFilter):
                offered.add(str(item.parameter_name))
            else:
                name = item[0] if isinstance(item, (tuple, list)) else item
                offered |= {str(name), f"{name}_from", f"{name}_to"}
        return lookup.split("__")[0] in offered and super().lookup_allowed(lookup, value, request)


def _without_account(fields: Sequence[Any]) -> list[Any]:
    return [field for field in fields if field != ACCOUNT]


class ReadOnlyAdmin(AccountScopedAdmin[Row]):
    """Rows that only the product itself writes."""

    add_role = change_role = delete_role = None
    actions_on_top = True


class OnePerAccountAdmin(AccountScopedAdmin[Row]):
    """One row per account that wants something else than the defaults; none is added where each account has its own."""

    actions = None  # nothing to do with many at once, and "Delete selected how long deliveries are kept" says nothing

    def has_add_permission(self, request: HttpRequest) -> bool:
        accounts = tenancy.accounts_of(request, self.add_role or Role.OWNER)
        taken = self.model._default_manager.values(ACCOUNT)
        return super().has_add_permission(request) and accounts.exclude(pk__in=taken).exists()

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """For the menu, which stands on every page: it asks no database whether there is one to be added."""
        return {
            "add": super().has_add_permission(request),
            "change": self.has_change_permission(request),
            "delete": self.has_delete_permission(request),
            "view": self.has_view_permission(request),
        }


class SuperuserOnly:
    """A page for those who run the installation: people, tokens, the schedule."""

    def has_module_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return tenancy.is_superuser(request)

    has_view_permission = has_add_permission = has_change_permission = has_delete_permission = has_module_permission
