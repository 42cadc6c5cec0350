"""The demo year, seen by the product's own eyes: its books balance, and its news changes nothing any more."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone, translation

from analytics.earning.checking import check_ledger
from analytics.earning.purchases import purchase_save
from analytics.management.commands.create_account import add_starting_targetologists
from analytics.models import (
    AdSpend,
    EarningKind,
    ExchangeRate,
    ReferralEarning,
    Referrer,
    ReportSnapshot,
    Routing,
    Sale,
)
from analytics.reports.roi import Row, roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.snapshots.taking import take_snapshot
from integrations.demo.account import RESPONSES, responses_make
from integrations.demo.ads import ads_of
from integrations.demo.clinic import CLOSED, PIPELINES
from integrations.demo.news import snapshot_of
from integrations.demo.remove import GENERATED, year_remove
from integrations.demo.seasons import year_of
from integrations.demo.stories import Story, stories_of
from integrations.demo.year import SEED, year_fill
from integrations.models import NotificationState, SaleNotification, SyncGap, SyncRun, WebhookLog
from leads.deals.apply import apply_news
from leads.deals.record import steps_told
from leads.models import Creative, Lead, LeadStatusHistory, MatchMethod, User, UserAccount
from leads.news import ContactSnapshot, Evidence
from leads.phones import normalise_phone
from leads.qualification import recompute_qualified
from leads.services.accounts import account_create
from leads.tests.world import contact as a_contact
from leads.tests.world import read
from leads.told import retold
from sandbox import Sandbox, seed_demo

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[UserAccount]:
    """One year for all tests of this module: each of them undoes what it changes."""
    with django_db_blocker.unblock(), transaction.atomic():
        account = account_create(name="Demo", email="demo@example.com", password="secret-7").account
        add_starting_targetologists(account)
        year_fill(account, NOW)
        connection.check_constraints()  # once: PostgreSQL would ask all rows again at the end of each test
        yield account
        transaction.set_rollback(True)


@pytest.fixture
def year(filled: UserAccount, db: None) -> UserAccount:
    return UserAccount.objects.get(pk=filled.pk)


@pytest.fixture
def deals(year: UserAccount) -> list[Story]:
    """The stories that the year is made of, thought out anew."""
    dice = random.Random(SEED)
    days = year_of(timezone.localdate(NOW, year.zone))
    stories = stories_of(ads_of(days[-1], dice), days, year.zone, NOW, dice)
    return [story for story in stories if story.steps]


def test_a_year_is_there(year: UserAccount) -> None:
    counted = {model: model._base_manager.filter(user_account=year).count() for model in GENERATED}
    assert counted[Lead] == 12_000
    assert counted[Creative] == 40
    assert counted[Referrer] == 15
    assert all(counted.values())
    first, last = (Lead.objects.filter(user_account=year).order_by(order).first() for order in ("lead_at", "-lead_at"))
    assert first
    assert last
    assert timedelta(days=360) < last.lead_at - first.lead_at <= timedelta(days=365)
    methods = Counter(Lead.objects.values_list("match_method", flat=True))
    assert min(methods[method] for method in (MatchMethod.PHONE, MatchMethod.CREATED, MatchMethod.REPEAT)) > 200


def test_nothing_of_it_lies_in_the_future(year: UserAccount) -> None:
    assert not Lead.objects.filter(user_account=year, amocrm_updated_at__gt=NOW).exists()
    assert not LeadStatusHistory.objects.filter(user_account=year, changed_at__gt=NOW).exists()
    assert not Sale.objects.filter(user_account=year, sold_at__gt=NOW).exists()


def test_the_books_balance(year: UserAccount) -> None:
    assert list(check_ledger(year)) == []
    kinds = Counter(ReferralEarning.objects.filter(user_account=year).values_list("kind", flat=True))
    assert set(kinds) == set(EarningKind)
    assert ReferralEarning.objects.filter(user_account=year, paid_at=None).exists()
    assert ReferralEarning.objects.filter(user_account=year).exclude(paid_at=None).exists()


def test_the_history_is_what_was_told(year: UserAccount) -> None:
    leads = Lead.objects.filter(user_account=year)
    deal_ids = [deal_id for deal_id in leads.values_list("amocrm_lead_id", flat=True) if deal_id]
    told = steps_told(year, deal_ids)
    stored: dict[int, list[Any]] = {deal_id: [] for deal_id in deal_ids}
    for row in LeadStatusHistory.objects.filter(user_account=year):
        came_from = (row.from_pipeline_id, row.from_status_id) if row.from_status_id else None
        stored[row.amocrm_lead_id].append(
            (row.changed_at, row.to_pipeline_id, row.to_status_id, came_from, row.webhook_data)
        )
    assert stored == {
        deal_id: [(s.changed_at, s.pipeline_id, s.status_id, s.came_from, s.evidence) for s in steps]
        for deal_id, steps in told.items()
    }
    assert recompute_qualified(year) == 0


def test_hearing_its_news_again_changes_nothing(year: UserAccount, deals: list[Story]) -> None:
    before = {lead.pk: lead for lead in Lead.objects.filter(user_account=year)}
    ended = {lead.amocrm_lead_id: lead.amocrm_updated_at for lead in before.values()}
    untouched = [story for story in deals if ended[story.deal_id] == story.ended_at]  # not refunded, nor thrown away
    sample = random.Random(1).sample(untouched, 250) + [story for story in untouched if story.origin][:50]
    changes = apply_news(
        year,
        deals=[
            snapshot_of(story, step, Evidence(), is_read=step is story.steps[-1])
            for story in sample
            for step in story.steps
        ],
        contacts=[
            ContactSnapshot(client.contact_id, client.name, (client.typed,))
            for client in (story.client for story in sample)
        ],
        now=timezone.now(),
    )
    assert [change for change in changes if change.is_news] == []
    volatile = {"_state", "updated_at"}
    for lead in Lead.objects.filter(user_account=year):
        mine, theirs = vars(lead), vars(before[lead.pk])
        assert {name for name in mine if name not in volatile and mine[name] != theirs[name]} == set()


def test_every_stage_leads_to_who_told_of_it(year: UserAccount) -> None:
    told = LeadStatusHistory.objects.filter(user_account=year).values_list("webhook_data", flat=True)
    deliveries = set(WebhookLog.objects.filter(user_account=year).values_list("pk", flat=True))
    syncs = set(SyncRun.objects.filter(user_account=year).values_list("pk", flat=True))
    assert told
    assert all(one.get("delivery_id") in deliveries or one.get("sync_run_id") in syncs for one in told)
    for gap in SyncGap.objects.filter(user_account=year):
        assert LeadStatusHistory.objects.filter(amocrm_lead_id=gap.amocrm_lead_id, changed_at=gap.changed_at).exists()


def test_nobody_is_told_of_its_sales(year: UserAccount) -> None:
    states = set(SaleNotification.objects.filter(user_account=year).values_list("state", flat=True))
    assert states == {NotificationState.SENT, NotificationState.FAILED, NotificationState.UNCERTAIN}
    assert not WebhookLog.objects.filter(user_account=year, processing_status="received").exists()


def test_some_sales_of_nobody_known_wait(year: UserAccount) -> None:
    waiting = Sale.objects.filter(user_account=year, routing_decision=Routing.UNKNOWN, status="paid")
    assert 0 < waiting.count() < 60
    assert Sale.objects.filter(user_account=year, is_assigned=True).exists()


@pytest.mark.parametrize("group_by", GroupBy)
def test_every_report_has_winners_and_figures(year: UserAccount, group_by: GroupBy) -> None:
    today = timezone.localdate(NOW, year.zone)
    report = roi(Span(year, today - timedelta(days=364), today), group_by, Basis.SALE)
    rows: list[Row] = [row for row in report.rows if row.key is not None]
    assert rows
    assert all(row.figures.leads and row.figures.sales for row in rows)
    assert report.totals.leads > 11_900
    assert report.totals.roi is not None
    assert Decimal(50) < report.totals.roi < Decimal(900)
    if group_by is GroupBy.CREATIVE:
        profits = [row.figures.profit for row in rows if row.figures.profit is not None]
        assert min(profits) < 0 < max(profits)


def test_its_pipelines_are_the_sandboxes_own(db: None) -> None:
    crm = Sandbox()
    seed_demo(crm)
    theirs = {
        pipeline.id: (pipeline.name, [(stage.id, stage.name, stage.color) for stage in pipeline.stages])
        for pipeline in crm.demo.pipelines.by_id.values()
    }
    ours = {
        pipeline.pipeline_id: (
            pipeline.name,
            [(stage.status_id, stage.name, stage.color) for stage in (*pipeline.stages, *CLOSED)],
        )
        for pipeline in PIPELINES
    }
    assert ours == theirs


def test_no_phone_of_the_year_is_a_sandbox_clients(year: UserAccount) -> None:
    crm = Sandbox()
    seed_demo(crm)
    contacts = crm.demo.contacts
    typed = [phone for contact_id in contacts.by_id for phone in contacts.phones(contact_id)]
    theirs = {normalise_phone(phone, "KZ") for phone in typed} - {None}
    assert theirs
    assert not Lead.objects.filter(user_account=year, phone_e164__in=theirs).exists()
    met = {normalise_phone(phone, "KZ") for _name, phone, _ad in RESPONSES}
    assert len(met & theirs) > 3


def test_taking_it_away_leaves_what_came_since(year: UserAccount) -> None:
    live = [read(7, 58000013, 0, pipeline_id=7000003, contact_ids=(5,)), a_contact(5, "+77011234567")]
    creative = Creative.objects.filter(user_account=year).first()
    apply_news(year, deals=live[:1], contacts=live[1:], now=timezone.now())  # type: ignore[arg-type]
    Lead.objects.filter(amocrm_lead_id=7).update(creative=creative)
    assert year_remove(year) == 12_000
    assert Lead.objects.get(user_account=year).amocrm_lead_id == 7
    assert Creative.objects.get(user_account=year) == creative
    kept = {Lead, Creative, type(creative.direction)} if creative else set()
    for model in set(GENERATED) - kept:
        rows = model._base_manager.filter(user_account=year)
        assert not [row for row in rows if getattr(row, "amocrm_lead_id", 7) != 7], model
    year.refresh_from_db()
    assert year.demo_rows == {}
    assert year_remove(year) == 0


def test_its_responses_and_what_its_reports_showed_go_too(year: UserAccount) -> None:
    responses_make(year)
    matched = Lead.objects.get(user_account=year, phone_e164=normalise_phone(RESPONSES[0][1], "KZ"))
    Lead.objects.filter(pk=matched.pk).update(amocrm_lead_id=7)
    take_snapshot(year, date(2026, 11, 20))
    assert year_remove(year) == 12_000 + len(RESPONSES) - 1
    assert Lead.objects.get(user_account=year) == matched
    assert not ReportSnapshot.objects.filter(user_account=year).exists()
    snapshot = take_snapshot(year, date(2026, 11, 20))
    assert snapshot is not None
    assert sum(snapshot.lines.values_list("leads", flat=True)) == 1
    year_remove(year)
    assert ReportSnapshot.objects.filter(user_account=year).count() == 1


def test_what_was_entered_on_its_ads_leads_and_days_stays(year: UserAccount) -> None:
    first, second = Creative.objects.filter(user_account=year, direction__isnull=False).order_by("pk")[:2]
    assert second.direction is not None
    spent = {"user_account": year, "day": date(2026, 3, 1), "amount": Decimal(10), "currency": "KZT"}
    AdSpend.objects.create(creative=first, **spent)
    AdSpend.objects.create(direction=second.direction, **spent)
    lead = Lead.objects.filter(user_account=year, sales=None).first()
    assert lead is not None
    bought = {"client_name": "Dana", "amount": Decimal(5), "currency": "KZT", "sold_at": timezone.now()}
    purchase = purchase_save(Sale(user_account=year, lead=lead, **bought))
    rate = ExchangeRate.objects.filter(user_account=year).first()
    assert rate is not None
    ExchangeRate.objects.filter(pk=rate.pk).update(updated_at=rate.created_at + timedelta(days=1))
    year_remove(year)
    assert [row.creative for row in AdSpend.objects.filter(creative__isnull=False)] == [first]
    assert [row.direction for row in AdSpend.objects.filter(direction__isnull=False)] == [second.direction]
    assert Sale.objects.get().pk == purchase.pk
    assert Sale.objects.get().lead == lead
    assert Lead.objects.get(user_account=year) == lead
    assert ExchangeRate.objects.get(user_account=year).pk == rate.pk


def test_its_pages_say_that_it_is_a_demo(year: UserAccount, client: Client) -> None:
    client.force_login(User.objects.get(email="demo@example.com"))
    for path in ("/app/", "/app/leads/", "/app/stages/", "/connection/"):
        assert b"manage.py demo --remove" in client.get(path).content
    UserAccount.objects.filter(pk=year.pk).update(demo_rows={})
    assert b"manage.py demo --remove" not in client.get("/app/").content


def test_what_went_wrong_with_a_delivery_is_said_in_the_readers_language(filled: UserAccount) -> None:
    said = (
        WebhookLog.objects.filter(user_account=filled).exclude(error_message="").values_list("error_message", flat=True)
    )
    assert len(said) == 2
    with translation.override("ru"):
        assert all(re.search("[а-я]{5}", retold(message)) for message in said)
