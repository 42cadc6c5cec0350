"""People who may sign in. Only who runs the installation sees them; owners add members by their account's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from leads.admin.base import SuperuserOnly
from leads.models import Membership, User

if TYPE_CHECKING:
    _DjangoUserAdmin = DjangoUserAdmin[User]
else:
    _DjangoUserAdmin = DjangoUserAdmin


class UserAddForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserEditForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


class MembershipInline(SuperuserOnly, TabularInline):
    model = Membership
    fields = ("user_account", "role")
    extra = 0


@admin.register(User)
class UserAdmin(SuperuserOnly, _DjangoUserAdmin, ModelAdmin):
    form = UserEditForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "language")}),
        (
            _("Permissions"),
            {
                "fields": ("is_active", "is_staff", "is_superuser"),
                "description": _(
                    "What a member may do follows from their role in an account. “Staff” lets them open this admin, "
                    "“superuser” shows them all accounts."
                ),
            },
        ),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
