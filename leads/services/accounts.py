"""Accounts and their members."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from leads.deals.apply import lock_account
from leads.models import ApiToken, Membership, Role, User, UserAccount


@dataclass(frozen=True, slots=True)
class Admission:
    """A person who has been let into an account. `password_kept`: they existed, and with another password."""

    account: UserAccount
    user: User
    password_kept: bool


def account_create(
    *,
    name: str,
    email: str,
    password: str,
    phone_region: str = "KZ",
    currency: str = "",
    timezone: str = "Asia/Almaty",
) -> Admission:
    """Create an account with its owner. The same e-mail again: a second account of the same user.

    Without a currency it is KZT until amoCRM is connected, and then amoCRM's.

    Raises django's ValidationError, by field, for a senseless region (ISO 3166), currency (ISO 4217), zone or e-mail.
    """
    account = UserAccount(name=name.strip(), phone_region=phone_region.upper(), timezone=timezone)
    account.currency, account.is_currency_assumed = currency.upper() or account.currency, not currency
    account.full_clean()
    with transaction.atomic():
        account.save()
        return member_add(account=account, email=email, password=password, role=Role.OWNER)


@transaction.atomic
def member_add(*, account: UserAccount, email: str, password: str, role: Role) -> Admission:
    """Let a person into the account with this role; a member's role is changed. Raises ValidationError, also where the
    account would be left without an owner.

    A person who is already known keeps their password: whoever adds them to one account must not get into the others.
    """
    email = User.objects.normalize_email(email)
    try:
        User._meta.get_field("email").clean(email, None)  # also that it is no longer than the column
    except ValidationError:
        raise ValidationError({"email": _("“%s” is no e-mail address.") % email}) from None
    lock_account(account)
    user = User.objects.filter(email=email).first()
    known = user is not None
    if user is None:
        if not password:
            raise ValidationError({"password": _("A new person needs a password.")})
        # is_staff opens the Django admin; what they see there is theirs by membership.
        user = User.objects.create_user(email, password, is_staff=True)
    owners = list(Membership.objects.filter(user_account=account, role=Role.OWNER).values_list("user_id", flat=True))
    if role != Role.OWNER and owners == [user.pk]:
        raise ValidationError({"role": _("An account needs at least one owner.")})
    Membership.objects.update_or_create(user=user, user_account=account, defaults={"role": role})
    return Admission(account, user, password_kept=known and not user.check_password(password))


def token_create(user: User) -> str:
    """A new API token of this person, to be shown once. Their others stay good."""
    row = ApiToken(user=user)
    token = row.make()
    row.save()
    return token
