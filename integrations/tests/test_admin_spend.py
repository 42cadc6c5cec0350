"""Spend in the admin where a part of it is read from Meta."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from analytics.models import AdSpend
from integrations.models import MetaAdAccount
from integrations.tests.admin_world import World, address

pytestmark = pytest.mark.django_db
FORM = {"day": "2026-03-02", "campaign": "Spring", "amount": "999", "currency": "USD", "source": "meta:1001"}


@pytest.fixture
def metas_row(world: World) -> AdSpend:
    return AdSpend.objects.create(
        user_account=world.alfa,
        day=date(2026, 3, 2),
        campaign="Spring",
        amount=Decimal(5),
        currency="USD",
        source="meta:1001",
    )


def test_what_meta_would_overwrite_is_not_edited_and_says_so(world: World, metas_row: AdSpend) -> None:
    sam, form = world.client("sam"), address(AdSpend, "change", metas_row.pk)
    page = sam.get(form).content.decode()
    assert "a change here would be overwritten" in page
    assert 'name="amount"' not in page
    assert sam.post(form, FORM).status_code == 403
    assert sam.post(address(AdSpend, "delete", metas_row.pk), {"post": "yes"}).status_code == 403
    delete_selected(sam, metas_row)
    metas_row.refresh_from_db()
    assert metas_row.amount == Decimal(5)


def test_what_people_entered_beside_it_is_edited(world: World, metas_row: AdSpend) -> None:
    by_hand = world.rows[AdSpend]
    page = world.client("sam").get(address(AdSpend, "change", by_hand.pk)).content.decode()
    assert "a change here would be overwritten" not in page
    assert 'name="amount"' in page


def test_an_ad_account_that_was_removed_overwrites_nothing(world: World, metas_row: AdSpend) -> None:
    MetaAdAccount.objects.all().delete()
    assert world.client("sam").post(address(AdSpend, "change", metas_row.pk), FORM).status_code == 302
    metas_row.refresh_from_db()
    assert metas_row.amount == Decimal(999)


def delete_selected(client: Client, *rows: AdSpend) -> None:
    form = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}
    client.post(address(AdSpend, "changelist"), form)
