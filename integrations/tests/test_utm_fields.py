"""An account's own UTM fields: chosen in the admin among those that amoCRM reports, and where each sale's UTM stood."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import Sale
from integrations.models import AmoCRMConnection, ConnectionState, WebhookLog
from integrations.tests.world import bodies, deliver, drain_all
from leads.models import Lead, Membership, Role, User, UserAccount
from leads.tests.world import response
from sandbox import Server

BACKEND = "django.contrib.auth.backends.ModelBackend"


def member(account: UserAccount, role: Role) -> Client:
    user = User.objects.create_user(f"{role}@x.kz", "pw", is_staff=True)
    Membership.objects.create(user=user, user_account=account, role=role)
    client = Client()
    client.force_login(user, BACKEND)
    return client


@pytest.fixture
def sam(connected: UserAccount) -> Client:
    return member(connected, Role.STAFF)


def page_of(account: UserAccount) -> str:
    return reverse("admin:leads_useraccount_utm_fields", args=[account.pk])


def test_the_fields_that_amocrm_reports_are_offered(sam: Client, connected: UserAccount, amocrm: Server) -> None:
    field = amocrm.crm.demo.deals.fields.define("Источник <трафика>")
    page = sam.get(page_of(connected)).content.decode()
    assert "Источник &lt;трафика&gt;" in page
    assert f'name="field-{field.id}"' in page
    for part in ("UTM_SOURCE", "tracking_data", "utm_campaign", "Комментарий"):
        assert part in page


def test_a_choice_is_saved_and_the_next_deal_is_read_by_it(sam: Client, connected: UserAccount, amocrm: Server) -> None:
    amocrm.crm.hook_faults.lose_all = True
    demo = amocrm.crm.demo
    source, campaign = demo.deals.fields.define("Источник трафика"), demo.deals.fields.define("Акция")
    connected.utm_mapping = {"источник трафика": "utm_term", "Поле другого аккаунта": "utm_content"}
    connected.save()
    typed = {f"field-{source.id}": "utm_source", f"field-{campaign.id}": "utm_campaign"}
    assert sam.post(page_of(connected), typed).status_code == 302
    connected.refresh_from_db()
    kept = {"Поле другого аккаунта": "utm_content"}
    assert connected.utm_mapping == kept | {str(source.id): "utm_source", str(campaign.id): "utm_campaign"}

    demo.subscribe("http://127.0.0.1:9/", ["add_lead", "update_lead", "status_lead"])
    deal = demo.deals.create("Имплантация", price=10, fields={source.id: "ig", campaign.id: "весна"})
    demo.deals.win(deal.id)
    for body in bodies(amocrm):
        deliver(connected, body)
    drain_all(connected)
    sale = Sale.objects.get(amocrm_deal_id=deal.id)
    assert (sale.utm_source, sale.utm_campaign) == ("ig", "весна")
    assert sale.utm_place == 'field "Источник трафика" (mapped by the account)'
    assert set(WebhookLog.objects.values_list("utm_source", flat=True)) == {"ig"}


def test_the_place_is_shown_on_the_sale_and_on_the_lead(sam: Client, connected: UserAccount, amocrm: Server) -> None:
    amocrm.crm.hook_faults.lose_all = True
    demo = amocrm.crm.demo
    demo.subscribe("http://127.0.0.1:9/", ["status_lead"])
    demo.deals.fields.find("UTM_SOURCE").name = "Источник трафика"
    deal = demo.deals.create("Имплантация", utm={"source": "ig"})
    demo.deals.win(deal.id)
    for body in bodies(amocrm):
        deliver(connected, body)
    drain_all(connected)
    place = 'field "Источник трафика" (code UTM_SOURCE)'
    sale, lead = Sale.objects.get(amocrm_deal_id=deal.id), Lead.objects.get(amocrm_lead_id=deal.id)
    assert sale.utm_place == place
    assert sam.get("/sales").json()["results"][0]["utm_place"] == place
    for address in (
        reverse("admin:analytics_sale_change", args=[sale.pk]),
        reverse("admin:leads_lead_change", args=[lead.pk]),
        f"/app/leads/{lead.pk}/",
    ):
        assert place in unescape(sam.get(address).content.decode()), address


def test_a_choice_that_is_no_utm_key_is_refused(sam: Client, connected: UserAccount, amocrm: Server) -> None:
    field = amocrm.crm.demo.deals.fields.define("Откуда")
    assert sam.post(page_of(connected), {f"field-{field.id}": "utm_nonsense"}).status_code == 200
    connected.refresh_from_db()
    assert connected.utm_mapping == {}


def test_an_outage_of_amocrm_is_told_and_nothing_is_lost(sam: Client, connected: UserAccount, amocrm: Server) -> None:
    connected.utm_mapping = {"5": "utm_source"}
    connected.save()
    amocrm.crm.faults.outage()
    answer = sam.get(page_of(connected))
    assert answer.status_code == 200
    assert "could not be asked" in answer.content.decode()
    assert sam.post(page_of(connected), {}).status_code == 200
    connected.refresh_from_db()
    assert connected.utm_mapping == {"5": "utm_source"}


@pytest.mark.parametrize("state", [ConnectionState.DISCONNECTED, ConnectionState.RECONNECT_NEEDED])
def test_without_a_connection_the_page_says_what_to_do(
    sam: Client, connected: UserAccount, state: ConnectionState
) -> None:
    AmoCRMConnection.objects.update(state=state)
    assert "onnect" in sam.get(page_of(connected)).content.decode()
    AmoCRMConnection.objects.all().delete()
    assert "Connect it first" in sam.get(page_of(connected)).content.decode()


def test_viewers_and_strangers_do_not_choose(connected: UserAccount, amocrm: Server) -> None:
    field = amocrm.crm.demo.deals.fields.define("Откуда")
    stranger = member(UserAccount.objects.create(name="Bravo"), Role.OWNER)
    for client in (member(connected, Role.VIEWER), stranger, Client()):
        assert client.get(page_of(connected)).status_code in (302, 403, 404)
        assert client.post(page_of(connected), {f"field-{field.id}": "utm_source"}).status_code in (302, 403, 404)
    connected.refresh_from_db()
    assert connected.utm_mapping == {}


def test_utm_that_the_ad_response_brought_say_so(sam: Client, connected: UserAccount, amocrm: Server) -> None:
    amocrm.crm.hook_faults.lose_all = True
    demo = amocrm.crm.demo
    demo.subscribe("http://127.0.0.1:9/", ["status_lead"])
    response(connected, "+77011234567", own_utm={"source": "ig"}, utm_source="ig")
    demo.deals.win(demo.deals.create("Имплантация", phone="+77011234567").id)
    for body in bodies(amocrm):
        deliver(connected, body)
    drain_all(connected)
    sale = Sale.objects.get()
    assert (sale.utm_source, sale.utm_place) == ("ig", "the ad response")
    assert "the ad response" in sam.get(f"/app/leads/{sale.lead_id}/").content.decode()
