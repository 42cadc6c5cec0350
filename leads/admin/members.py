"""Members of an account, as its owner adds and removes them: by e-mail, so that nobody sees other accounts' people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from leads.admin import tenancy
from leads.admin.base import capitalise_labels
from leads.deals.apply import lock_account
from leads.models import Membership, Role, User
from leads.services.accounts import member_add


class MemberForm(forms.ModelForm[Membership]):
    """A known e-mail joins with the password it has; a new one needs a first password."""

    email = forms.EmailField(label=_("e-mail"), widget=UnfoldAdminEmailInputWidget())
    password = forms.CharField(
        label=_("first password"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Only for somebody who has never been here. Others keep theirs."),
    )

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capitalise_labels(self)
        if self.instance.pk:
            self.fields["email"].initial = self.instance.user.email
            self.fields["email"].disabled = self.fields["password"].disabled = True

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        email = User.objects.normalize_email(cleaned.get("email"))
        if self.instance.pk or not email:
            return cleaned
        known_user = User.objects.filter(email=email).first()
        if known_user is None:
            self._clean_first_password(email, cleaned.get("password") or "")
        elif known_user.memberships.filter(user_account=self.instance.user_account_id).exists():
            self.add_error("email", _("Already a member."))
        return cleaned

    def _clean_first_password(self, email: str, password: str) -> None:
        if not password:
            self.add_error("password", _("New here: give a first password."))
            return
        try:
            validate_password(password, User(email=email))
        except ValidationError as error:
            self.add_error("password", error)

    def save(self, commit: bool = True) -> Membership:
        if self.instance.pk:
            return super().save(commit)
        typed, account = self.cleaned_data, self.instance.user_account
        added = member_add(account=account, email=typed["email"], password=typed["password"], role=Role(typed["role"]))
        self.instance = Membership.objects.get(user_account=account, user=added.user)
        return self.instance


class MemberFormSet(BaseInlineFormSet[Membership, Any, MemberForm]):
    """An account keeps at least one owner: otherwise nobody could mend it."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        staying = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if self.initial_form_count() and not self._owners_left():
            raise ValidationError(_("An account needs at least one owner."))
        emails = [User.objects.normalize_email(form.cleaned_data.get("email")) for form in staying]
        if len(set(emails)) < len(emails):
            raise ValidationError(_("One person, one role: the same e-mail stands here twice."))

    def _owners_left(self) -> set[str]:
        """Who will be owners: memberships by their ids, new ones by their forms."""
        lock_account(self.instance)  # two owners may be removing each other: the second sees what the first has done
        rows = Membership.objects.filter(user_account=self.instance, role=Role.OWNER)
        owners = {str(pk) for pk in rows.values_list("pk", flat=True)}
        for form in self.forms:
            if not form.has_changed():
                continue
            member = str(form.instance.pk or form.prefix)
            stays_owner = form.cleaned_data["role"] == Role.OWNER and not form.cleaned_data.get("DELETE")
            owners = owners | {member} if stays_owner else owners - {member}
        return owners


class MemberInline(TabularInline):
    """Only the owner sees it (and who runs the installation)."""

    model = Membership
    form = MemberForm
    formset = MemberFormSet
    fields = ("email", "role", "password")
    extra = 0
    tab = True
    verbose_name = _("member")
    verbose_name_plural = _("members")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user").order_by("id")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Without an account Django asks whether there are rows to look for at all; which account it is, it asks before.
        return tenancy.allows(request, Role.OWNER, obj.pk if obj else None)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission
