"""A small cast for the admin: Alice owns Alfa, Sam works there, Vera looks; Bob owns Bravo; Root runs the installation.

Everything of Alfa's that a person could read carries the word `ALFAWORLD`, so that a page which must not show it can be
searched for it. A long word, lest one of a page's random tokens hold it by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from analytics.models import (
    AdSpend,
    ExchangeRate,
    MoneySettings,
    ReferralConversion,
    ReferralEarning,
    Referrer,
    Sale,
    Targetologist,
    UnknownSale,
)
from integrations.models import (
    AmoCRMConnection,
    ConnectionState,
    HookDay,
    LeadPush,
    MetaAdAccount,
    MetaPull,
    NotificationSettings,
    ProcessingStatus,
    PushSettings,
    RetentionSettings,
    SaleNotification,
    SyncGap,
    SyncRun,
    WebhookLog,
)
from leads.models import (
    Creative,
    Direction,
    Lead,
    LeadStatusHistory,
    Membership,
    PersonRequest,
    PipelineStage,
    Role,
    User,
    UserAccount,
)

DEAL = 26000001
PIPELINE = 7001
STAGE = 70012
MOMENT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TOKEN = "ALFAWORLD-access-token"
BODY = f"leads%5Bstatus%5D%5B0%5D%5Bid%5D={DEAL}&leads%5Bstatus%5D%5B0%5D%5Bname%5D=ALFAWORLD+%3Cb%3E&account%5Bid%5D=1"


@dataclass
class World:
    alfa: UserAccount
    bravo: UserAccount
    rows: dict[type[Model], Any]

    def client(self, name: str) -> Client:
        """A browser in which this person has signed in; `anonymous`: nobody has."""
        client = Client()
        if name != "anonymous":
            client.force_login(User.objects.get(email=f"{name}@x.kz"), "django.contrib.auth.backends.ModelBackend")
        return client


def build() -> World:
    alfa, bravo = UserAccount.objects.create(name="ALFAWORLD agency"), UserAccount.objects.create(name="Bravo")
    people = (("alice", alfa, Role.OWNER), ("sam", alfa, Role.STAFF), ("vera", alfa, Role.VIEWER))
    password = make_password("pw")
    members = [
        Membership(user=User(email=f"{name}@x.kz", password=password, is_staff=True), user_account=account, role=role)
        for name, account, role in (*people, ("bob", bravo, Role.OWNER))
    ]
    root = User(email="root@x.kz", password=password, is_staff=True, is_superuser=True)
    # A statement for all: hundreds of tests begin here.
    User.objects.bulk_create([*(member.user for member in members), root])
    Membership.objects.bulk_create(members)
    return World(alfa, bravo, {UserAccount: alfa} | rows_of(alfa))


def rows_of(account: UserAccount) -> dict[type[Model], Any]:
    """One row of each kind."""
    direction = Direction.objects.create(user_account=account, name="ALFAWORLD direction")
    creative = Creative.objects.create(user_account=account, name="ALFAWORLD creative", external_ad_id="ALFAWORLD-1")
    stage = PipelineStage.objects.create(
        user_account=account,
        pipeline_id=PIPELINE,
        pipeline_name="ALFAWORLD pipeline",
        status_id=STAGE,
        status_name="ALFAWORLD talks",
        status_color="#99ccff",
    )
    lead = Lead.objects.create(
        user_account=account,
        name="ALFAWORLD Aigerim",
        phone="8 (701) 123-45-67",
        phone_e164="+77011234567",
        amocrm_lead_id=DEAL,
        current_pipeline_id=PIPELINE,
        current_status_id=STAGE,
    )
    delivery = WebhookLog.objects.create(
        user_account=account,
        source="amocrm",
        raw_body=BODY.encode(),
        content_type="application/x-www-form-urlencoded",
        processing_status=ProcessingStatus.ERROR,
        error_message="ALFAWORLD error",
        lead_id=DEAL,
        deal_data={"leads": {"status": [{"id": str(DEAL), "name": "ALFAWORLD <b>"}]}},
    )
    change = LeadStatusHistory.objects.create(
        user_account=account,
        lead=lead,
        amocrm_lead_id=DEAL,
        to_pipeline_id=PIPELINE,
        to_status_id=STAGE,
        changed_at=MOMENT,
        webhook_data={"delivery_id": delivery.pk, "action": "status"},
    )
    connection = AmoCRMConnection.objects.create(
        user_account=account,
        state=ConnectionState.CONNECTED,
        host="alfa.amocrm.ru",
        subdomain="ALFAWORLD",
        access_token=TOKEN,
        refresh_token=TOKEN,
    )
    run = SyncRun.objects.create(user_account=account, state="done", detail="ALFAWORLD sync")
    buyer = Targetologist.objects.create(user_account=account, name="ALFAWORLD buyer", patterns=["tripwire"])
    push = LeadPush.objects.create(user_account=account, lead=lead, state="failed", detail="ALFAWORLD refused")
    made = (direction, creative, stage, lead, delivery, change, connection, run, buyer, *privacy_of(account))
    return {
        type(row): row
        for row in (*made, push, *gaps_of(account, run), *messages_of(account), *money_of(account), *spend_of(account))
    }


def privacy_of(account: UserAccount) -> list[Model]:
    """That somebody was forgotten, and how long deliveries are kept."""
    request = PersonRequest.objects.create(user_account=account, kind="erasure", pseudonym="erased-ALFAWORLD")
    return [request, RetentionSettings.objects.create(user_account=account)]


def messages_of(account: UserAccount) -> list[Model]:
    """A message that failed, and what the account wants to be told."""
    sale = Sale.objects.create(user_account=account, client_name="ALFAWORLD client", currency="KZT", sold_at=MOMENT)
    message = SaleNotification.objects.create(
        user_account=account, sale=sale, text="ALFAWORLD sale", state="failed", queued_at=MOMENT
    )
    wishes = PushSettings.objects.create(user_account=account, qualified_tag="ALFAWORLD-tag")
    return [
        message,
        wishes,
        NotificationSettings.objects.create(user_account=account, summary_chat_id="ALFAWORLD-chat"),
    ]


def money_of(account: UserAccount) -> list[Model]:
    """A purchase by hand that nobody is credited with, and one by a referrer."""
    referrer = Referrer.objects.create(user_account=account, code="ref_ALFAWORLD", name="ALFAWORLD referrer")
    sale = Sale.objects.create(
        user_account=account,
        client_name="ALFAWORLD client",
        currency="KZT",
        sold_at=MOMENT,
        routing_decision="referral",
    )
    owner = {"user_account": account, "referrer": referrer, "sale": sale}
    conversion = ReferralConversion.objects.create(
        **owner, code="ref_ALFAWORLD", code_key="ref_alfaworld", status="waiting"
    )
    line = ReferralEarning.objects.create(
        **owner, conversion=conversion, sequence=1, kind="accrual", amount=1, currency="KZT", commission_rate=1
    )
    unknown = UnknownSale.objects.create(
        user_account=account, client_name="ALFAWORLD unknown", currency="KZT", sold_at=MOMENT
    )
    return [referrer, sale, conversion, line, unknown, MoneySettings.objects.create(user_account=account)]


def spend_of(account: UserAccount) -> list[Model]:
    """What a campaign cost, and a rate of exchange."""
    values: dict[str, Any] = {"user_account": account, "day": MOMENT.date()}
    ads = MetaAdAccount.objects.create(
        user_account=account, act_id="1001", name="ALFAWORLD ads", access_token=TOKEN, problem_code="token"
    )
    days = dict.fromkeys(("since", "until", "next_day"), MOMENT.date())
    pull = MetaPull.objects.create(user_account=account, ad_account=ads, detail="ALFAWORLD pull", **days)
    return [
        *(ads, pull),
        AdSpend.objects.create(campaign="ALFAWORLD campaign", amount=Decimal(10), currency="KZT", **values),
        ExchangeRate.objects.create(currency="USD", base_currency="KZT", rate=Decimal(500), **values),
    ]


def address(model: type[Model], page: str, *args: Any) -> str:
    """The admin's page of a model: `changelist`, `add`, `change`, `delete`, `history`."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def gaps_of(account: UserAccount, run: SyncRun) -> list[Any]:
    now = datetime.now(UTC)
    gap = SyncGap.objects.create(
        user_account=account,
        run=run,
        amocrm_lead_id=77,
        what="name",
        after="ALFAWORLD gap",
        changed_at=now,
        learnt_at=now,
    )
    return [gap, HookDay.objects.create(user_account=account, day=now.date(), told=3, untold=1)]
