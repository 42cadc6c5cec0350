from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import requests

from sandbox import Sandbox, Server
from sandbox.hooks.delivery import seconds_to_next

from .conftest import Api, Listener

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "amocrm-samples" / "webhooks"
ALL = [
    "add_lead", "update_lead", "status_lead", "delete_lead", "restore_lead", "responsible_lead", "add_contact",
    "update_contact", "delete_contact",
]  # fmt: skip


def keys_of(fields: dict[str, str]) -> set[str]:
    """The keys without custom fields and tags, which differ from deal to deal."""
    return {key for key in fields if "[custom_fields]" not in key and "[tags]" not in key}


def sample(name: str) -> dict[str, str]:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("the samples are not beside this checkout")
    return dict(parse_qsl(path.read_text(encoding="utf-8"), keep_blank_values=True))


def test_a_new_deal_with_a_contact_tells_of_both(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ALL)
    deal = crm.demo.deals.create("Имплант", price=999, phone="8 701", utm={"source": "ig"})
    assert crm.courier.wait_idle()
    assert sorted(listener.keys()) == ["contacts[add]", "leads[add]"]
    body = next(body for body in listener.bodies if "leads[add][0][id]" in body)
    assert next(iter(body)) == "account[subdomain]"
    assert body["account[_links][self]"] == "https://demo.amocrm.ru"
    assert body["leads[add][0][id]"] == str(deal.id)
    assert body["leads[add][0][date_create]"] == body["leads[add][0][created_at]"] == str(deal.created_at)
    assert body["leads[add][0][custom_fields][0][code]"] == "UTM_SOURCE"
    assert body["leads[add][0][custom_fields][0][values][0][value]"] == "ig"
    assert not any("phone" in key.lower() or "contact" in key for key in body)
    headers = {name.lower(): value for name, value in listener.headers[0].items()}
    assert headers["user-agent"] == "amoCRM-Webhooks/3.0"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["x-amocrm-requestid"]


def test_a_stage_change_is_told_as_status_and_as_update(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["update_lead", "status_lead"])
    deal = crm.demo.deals.create("x", silent=True)
    old = deal.status_id
    crm.demo.deals.win(deal.id)
    assert crm.courier.wait_idle()
    assert sorted(listener.keys()) == ["leads[status]", "leads[update]"]
    for key, body in zip(listener.keys(), listener.bodies, strict=True):
        assert body[f"{key}[0][status_id]"] == "142"
        assert body[f"{key}[0][old_status_id]"] == str(old)
        assert f"{key}[0][old_pipeline_id]" not in body
        assert f"{key}[0][closed_at]" not in body


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("51-etest-lead-add.form", "add"), ("52-etest-lead-update-price.form", "update"),
        ("47-mbamoscow-status-1.form", "status"), ("18-unirock-lead-delete-3-fields.form", "delete"),
    ],
)  # fmt: skip
def test_lead_bodies_have_the_keys_of_captured_ones(crm: Sandbox, listener: Listener, name: str, action: str) -> None:
    captured = sample(name)
    crm.demo.subscribe(listener.url, [f"{action}_lead"])
    deal = crm.demo.deals.create("x", tags=["t"])
    if action == "update":
        crm.demo.deals.set_price(deal.id, 5)
    elif action == "status":
        crm.demo.deals.win(deal.id)
    elif action == "delete":
        crm.demo.deals.delete(deal.id)
    assert crm.courier.wait_idle()
    assert keys_of(listener.bodies[-1]) == keys_of(captured)
    own = [key for key in listener.bodies[-1] if key in keys_of(captured)]
    assert own[:3] == list(captured)[:3]


def test_contact_bodies_have_the_keys_of_captured_ones(crm: Sandbox, listener: Listener) -> None:
    captured = sample("49-etest-contact-add.form")
    crm.demo.subscribe(listener.url, ["add_contact"])
    crm.demo.contacts.create("Абиба")
    assert crm.courier.wait_idle()
    assert keys_of(listener.bodies[0]) == keys_of(captured)


def test_dates_come_without_value_and_choices_with_their_enum(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead"])
    crm.demo.deals.create("x", fields={"Дата записи": 1_689_282_000, "Продукт": "Курс"})
    assert crm.courier.wait_idle()
    body = listener.bodies[0]
    assert body["leads[add][0][custom_fields][0][values][0]"] == "1689282000"
    assert body["leads[add][0][custom_fields][1][values][0][value]"] == "Курс"
    assert body["leads[add][0][custom_fields][1][values][0][enum]"].isdigit()


def test_a_later_phone_comes_as_a_contact_update_with_its_deals(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["update_contact"])
    deal = crm.demo.deals.create("x", contact_name="Айгерим")
    crm.demo.contacts.add_phone(deal.contact_ids[0], "8 701 123 45 67")
    assert crm.courier.wait_idle()
    body = listener.bodies[0]
    assert body["contacts[update][0][type]"] == "contact"
    assert body[f"contacts[update][0][linked_leads_id][{deal.id}][ID]"] == str(deal.id)
    assert body["contacts[update][0][custom_fields][0][code]"] == "PHONE"


def test_a_company_comes_under_contacts(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_company"])
    crm.demo.companies.create("ТОО Рога")
    assert crm.courier.wait_idle()
    assert listener.bodies[0]["contacts[add][0][type]"] == "company"


def test_a_digital_pipeline_hook_is_short_and_has_no_retries(crm: Sandbox, listener: Listener) -> None:
    captured = sample("29-dp-status-messengermarketing.form")
    crm.demo.subscribe(listener.url, ["status_lead"], is_short=True)
    deal = crm.demo.deals.create("x")
    listener.statuses = [500]
    crm.demo.deals.win(deal.id)
    assert crm.courier.wait_idle(retries=True)
    assert list(listener.bodies[0]) == list(captured)
    assert crm.courier.deliveries[0].state == "failed"


def test_writes_through_the_api_make_hooks_too(crm: Sandbox, api: Api, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead", "status_lead"])
    row = {"name": "x", "custom_fields_values": [{"field_code": "UTM_SOURCE", "values": [{"value": "fb"}]}]}
    made = api.post("leads", json=[row]).json()["_embedded"]["leads"][0]["id"]
    api.patch(f"leads/{made}", json={"status_id": 142})
    assert crm.courier.wait_idle()
    assert sorted(listener.keys()) == ["leads[add]", "leads[status]"]
    added = next(body for body in listener.bodies if "leads[add][0][id]" in body)
    assert added["leads[add][0][custom_fields][0][values][0][value]"] == "fb"


def test_only_what_a_hook_asked_for_is_sent(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["delete_lead"])
    deal = crm.demo.deals.create("x")
    crm.demo.deals.win(deal.id)
    crm.demo.deals.delete(deal.id)
    assert crm.courier.wait_idle()
    assert listener.keys() == ["leads[delete]"]


@pytest.mark.parametrize(
    ("attempt", "status", "seconds"),
    [(1, 0, 300), (1, 404, 300), (1, 302, 300), (2, 404, 900), (3, 404, None), (3, 500, 900), (4, 499, 3600),
     (5, 500, None)],
)  # fmt: skip
def test_the_retry_ladder_depends_on_the_answer(attempt: int, status: int, seconds: float | None) -> None:
    assert seconds_to_next(attempt, status) == seconds


@pytest.mark.parametrize(("status", "attempts"), [(500, 5), (400, 3), (302, 3)])
def test_refused_hooks_are_tried_again_as_often_as_amocrm_does(
    crm: Sandbox, listener: Listener, status: int, attempts: int
) -> None:
    crm.demo.subscribe(listener.url, ["add_lead"])
    listener.statuses = [status] * 10
    crm.demo.deals.create("x")
    assert crm.courier.wait_idle(retries=True)
    assert len(listener.bodies) == attempts
    assert crm.courier.deliveries[0].state == "failed"


def test_a_hook_is_retried_until_it_is_taken(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead"])
    listener.statuses = [503, 503]
    crm.demo.deals.create("x")
    assert crm.courier.wait_idle(retries=True)
    assert [attempt.status for attempt in crm.courier.deliveries[0].attempts] == [503, 503, 200]
    assert crm.courier.deliveries[0].state == "delivered"
    assert listener.bodies[0] == listener.bodies[2]


def test_more_than_a_hundred_invalid_answers_switch_the_hook_off(crm: Sandbox, listener: Listener) -> None:
    hook = crm.demo.subscribe(listener.url, ["add_lead"])
    listener.statuses = [500] * 1000
    for number in range(21):
        crm.demo.deals.create(str(number))
    assert crm.courier.wait_idle(20, retries=True)
    assert hook.disabled
    crm.demo.deals.create("unheard")
    assert crm.courier.wait_idle()
    assert len(crm.courier.deliveries) == 21


def test_lost_silent_and_switched_off_hooks_do_not_come(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead"])
    crm.hook_faults.lose_next = 1
    crm.demo.deals.create("lost")
    crm.hook_faults.silent_next = 1
    crm.demo.deals.create("silent")
    crm.demo.deals.create("silent too", silent=True)
    crm.hook_faults.off = True
    crm.demo.deals.create("off")
    crm.hook_faults.clear()
    crm.demo.deals.create("heard")
    assert crm.courier.wait_idle()
    assert [body["leads[add][0][name]"] for body in listener.bodies] == ["heard"]
    assert [delivery.state for delivery in crm.courier.deliveries] == ["lost", "delivered"]


def test_a_silent_change_makes_none_of_its_hooks(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead", "update_lead", "status_lead", "add_contact"])
    stage = crm.demo.pipelines.main.stages[2].id
    crm.hook_faults.silent_next = 1
    deal = crm.demo.deals.create("silent", phone="+7 701 000 00 01")  # tells of a contact as well
    crm.hook_faults.silent_next = 1
    crm.demo.deals.move(deal.id, stage)  # a status and an update
    crm.demo.deals.set_price(deal.id, 5)
    assert crm.courier.wait_idle()
    assert [delivery.what for delivery in crm.courier.deliveries] == ["leads[update]"]


def test_hooks_come_twice_and_in_another_order(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead"])
    crm.hook_faults.double_next = 1
    crm.demo.deals.create("twice")
    assert crm.courier.wait_idle()
    assert len(listener.bodies) == 2
    crm.hook_faults.shuffle = 8
    for number in range(8):
        crm.demo.deals.create(str(number))
    assert crm.courier.wait_idle()
    came = [body["leads[add][0][name]"] for body in listener.bodies[2:]]
    assert sorted(came) == [str(number) for number in range(8)]
    assert came != sorted(came)


def test_changes_can_be_gathered_into_one_body(crm: Sandbox, listener: Listener) -> None:
    crm.demo.subscribe(listener.url, ["add_lead", "status_lead"])
    crm.hook_faults.combine = 3
    first = crm.demo.deals.create("a")
    second = crm.demo.deals.create("b")
    crm.demo.deals.win(first.id)
    assert crm.courier.wait_idle()
    body = listener.bodies[0]
    assert body["leads[add][0][id]"] == str(first.id)
    assert body["leads[add][1][id]"] == str(second.id)
    assert body["leads[status][0][status_id]"] == "142"
    assert body["leads[add][0][status_id]"] != "142"


def test_an_application_is_told_as_unsorted_and_its_acceptance_as_unsorted_delete(
    crm: Sandbox, listener: Listener
) -> None:
    crm.demo.subscribe(listener.url, ["add_unsorted", "delete_unsorted", "add_lead", "status_lead"])
    deal = crm.demo.unsorted.add("С сайта", phone="8 701", utm={"source": "ig"})
    assert crm.courier.wait_idle()
    added = listener.bodies[0]
    assert listener.keys() == ["unsorted[add]"]
    assert added["unsorted[add][0][lead_id]"] == str(deal.id)
    assert added["unsorted[add][0][data][leads][0][custom_fields][0][code]"] == "UTM_SOURCE"
    assert added["unsorted[add][0][data][contacts][0][custom_fields][0][values][0][value]"] == "8 701"
    crm.demo.unsorted.accept(deal.id)
    assert crm.courier.wait_idle()
    taken = next(body for body in listener.bodies if "unsorted[delete][0][uid]" in body)
    assert taken["unsorted[delete][0][action]"] == "accept"
    assert taken["unsorted[delete][0][accept_result][leads][0]"] == str(deal.id)
    assert taken["unsorted[delete][0][uid]"] == added["unsorted[add][0][uid]"]
    assert deal.status_id == crm.demo.pipelines.first_stage(deal.pipeline_id).id
    with pytest.raises(ValueError, match="not unsorted"):
        crm.demo.unsorted.decline(deal.id)


def test_any_body_can_be_sent_by_hand(server: Server, listener: Listener) -> None:
    order = {"destination": listener.url, "body": "leads%5Badd%5D%5B0%5D%5Bid%5D=5"}
    requests.post(f"{server.url}/_sandbox/send", json=order, timeout=30)
    assert server.crm.courier.wait_idle()
    assert listener.bodies == [{"leads[add][0][id]": "5"}]
