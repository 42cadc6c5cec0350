"""`demo`: what `make run` shows a newcomer: an account with a login, ads and a few responses, ready to be connected.

The responses have phones that the sandbox's deals have as well, so that connecting it shows matching at work. Running
it again changes nothing and prints the same login.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from analytics.management.commands.create_account import add_starting_targetologists
from leads.models import Creative, Direction, Lead, LeadSource, User, UserAccount
from leads.phones import normalise_phone
from leads.services.accounts import account_create

EMAIL = "demo@voronka.example"
NAME = "Demo"
CREATIVES = (
    ("Имплантация", "Reels: до и после", "reels_01"),
    ("Имплантация", "Карусель: три шага", "carousel_3"),
    ("Виниры", "Сторис с врачом", "story_video"),
    ("Виниры", "TikTok: день в клинике", "tt_short_7"),
)
RESPONSES = (
    ("Ерлан", "+7 778 695 40 26", 0),
    ("Мадина", "8 747 025-90-47", 1),
    ("Виктор", "77784076733@c.us", 2),
    ("Ольга", "+77010331983", 3),
    ("Бекзат", "8 (702) 448-88-91", 0),
    ("Игорь", "8 707 694 90 08", 1),
    ("Аружан", "+7 701 555 01 01", 2),
)


class Command(BaseCommand):
    help = "Make the demo account of `make run`, unless it is there, and print how to log in."

    def handle(self, *args: Any, **options: Any) -> None:
        login = self._login()
        if not User.objects.filter(email=EMAIL).exists():
            with transaction.atomic():
                account = account_create(
                    name=NAME,
                    email=EMAIL,
                    password=login,
                    phone_region="KZ",
                    currency="KZT",
                    timezone="Asia/Almaty",
                ).account
                add_starting_targetologists(account)
                add_ads(account)
        self.stdout.write(f"Demo: open {settings.APP_URL}/app/ and log in as {EMAIL} with the password {login}")

    def _login(self) -> str:
        """The password of this machine's demo: made once, kept where only this user can read it."""
        path = settings.VAR_DIR / "demo.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps({"email": EMAIL, "password": secrets.token_urlsafe(9)}))
        return str(json.loads(path.read_text())["password"])


def add_ads(account: UserAccount) -> None:
    """Directions, creatives, and the people who answered them."""
    directions = {name: Direction.objects.create(user_account=account, name=name) for name, _, _ in CREATIVES[::2]}
    creatives = [
        Creative.objects.create(user_account=account, direction=directions[direction], name=name, external_ad_id=ad)
        for direction, name, ad in CREATIVES
    ]
    for name, phone, index in RESPONSES:
        creative = creatives[index]
        Lead.objects.create(
            user_account=account,
            name=name,
            phone=phone,
            phone_e164=normalise_phone(phone, account.phone_region),
            source=LeadSource.WEBSITE,
            creative=creative,
            direction=creative.direction,
        )
