"""The demo account of `make run`: its login, its year, and people to whom deals of the sandbox belong."""

from __future__ import annotations

import json
import secrets

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.management.commands.create_account import add_starting_targetologists
from integrations.demo.year import year_fill
from leads.models import Creative, Lead, LeadSource, User, UserAccount
from leads.phones import normalise_phone
from leads.services.accounts import account_create

EMAIL = "demo@voronka.example"
NAME = "Demo"
# Phones that deals of the sandbox have as well, and the ad that was answered: connecting it shows matching at work.
RESPONSES = (
    ("Ерлан", "+7 778 695 40 26", "reels_01"),
    ("Мадина", "8 747 025-90-47", "carousel_3"),
    ("Виктор", "77784076733@c.us", "story_video"),
    ("Ольга", "+77010331983", "tt_short_7"),
    ("Бекзат", "8 (702) 448-88-91", "reels_01"),
    ("Игорь", "8 707 694 90 08", "carousel_3"),
    ("Аружан", "+7 701 555 01 01", "story_video"),
)


def demo_make() -> str:
    """Make the account with its year, unless its user is there already. The password to log in with."""
    password = _password()
    if not User.objects.filter(email=EMAIL).exists():
        with transaction.atomic():
            account = account_create(name=NAME, email=EMAIL, password=password).account
            add_starting_targetologists(account)
            year_fill(account, timezone.now())
            responses_make(account)
    return password


def demo_accounts() -> list[UserAccount]:
    """The accounts that have generated rows."""
    return list(UserAccount.objects.exclude(demo_rows={}))


def _password() -> str:
    """Of this machine's demo: made once, kept where only this user can read it."""
    path = settings.VAR_DIR / "demo.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps({"email": EMAIL, "password": secrets.token_urlsafe(9)}))
    return str(json.loads(path.read_text())["password"])


def responses_make(account: UserAccount) -> None:
    creatives = {creative.external_ad_id: creative for creative in Creative.objects.filter(user_account=account)}
    made = Lead.objects.bulk_create(
        Lead(
            user_account=account,
            name=name,
            phone=phone,
            phone_e164=normalise_phone(phone, account.phone_region),
            source=LeadSource.WEBSITE,
            creative=creatives[ad],
            direction=creatives[ad].direction,
        )
        for name, phone, ad in RESPONSES
    )
    account.demo_rows[Lead._meta.db_table] = max(lead.pk for lead in made)
    account.save(update_fields=["demo_rows"])
