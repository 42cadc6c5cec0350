"""One UPDATE for many rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from leads.bulk import update_rows
from leads.models import Lead, UserAccount

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ODD = "Ж\"{},\\N'%s NULL"


def test_each_row_gets_its_own_values_of_every_kind_and_keeps_the_others() -> None:
    account = UserAccount.objects.create(name="A")
    leads = Lead.objects.bulk_create(Lead(user_account=account, name=f"lead {n}", phone="+7") for n in range(3))
    leads[0].name, leads[0].price, leads[0].amocrm_updated_at = ODD, Decimal("1.50"), NOON
    leads[1].deal_utm, leads[1].contact_phones, leads[1].is_deleted = {ODD: [ODD]}, [ODD, "b"], True
    for lead in leads:
        lead.phone = "not among the columns"
    update_rows(leads, ["name", "price", "amocrm_updated_at", "deal_utm", "contact_phones", "is_deleted"])
    first, second, third = Lead.objects.order_by("id")
    assert (first.name, first.price, first.amocrm_updated_at) == (ODD, Decimal("1.50"), NOON)
    assert (second.name, second.price, second.is_deleted) == ("lead 1", None, True)
    assert (second.deal_utm, second.contact_phones) == ({ODD: [ODD]}, [ODD, "b"])
    assert (third.name, third.deal_utm, third.is_deleted) == ("lead 2", {}, False)
    assert {lead.phone for lead in (first, second, third)} == {"+7"}


def test_the_moment_of_the_change_is_written_where_it_is_asked_for() -> None:
    account = UserAccount.objects.create(name="A")
    lead = Lead.objects.create(user_account=account)
    before = lead.updated_at
    update_rows([lead], ["updated_at"])
    lead.refresh_from_db()
    assert lead.updated_at > before
