from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox import LOST_STATUS_ID, WON_STATUS_ID, Sandbox, Server, seed_bulk

from .conftest import Api

DAY = 86_400


def ids(answer: requests.Response, key: str = "leads") -> list[int]:
    return [row["id"] for row in answer.json()["_embedded"][key]] if answer.status_code == 200 else []


@pytest.fixture
def deals(crm: Sandbox) -> list[int]:
    return seed_bulk(crm.demo, 7, days=7)


def test_nothing_is_204_without_a_body(api: Api) -> None:
    answer = api.get("leads")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get("leads/12345").status_code == 204


def test_a_list_says_hal_and_has_next_on_all_pages_but_the_last(api: Api, deals: list[int]) -> None:
    first = api.get("leads", params={"limit": 5})
    assert first.headers["Content-Type"] == "application/hal+json"
    assert first.headers["X-Request-Id"]
    assert first.json()["_links"]["next"]["href"].startswith("https://demo.amocrm.ru/api/v4/leads?")
    second = api.get("leads", params={"limit": 5, "page": 2})
    assert "next" not in second.json()["_links"]
    assert ids(first) + ids(second) == deals
    assert api.get("leads", params={"limit": 5, "page": 3}).status_code == 204


def test_the_order_can_be_newest_first_and_follows_changes(crm: Sandbox, api: Api, deals: list[int]) -> None:
    crm.demo.deals.set_price(deals[2], 5)
    newest = {"order[updated_at]": "desc", "limit": 3}
    assert ids(api.get("leads", params=newest)) == [deals[2], deals[6], deals[5]]


def test_a_page_has_at_most_250_and_the_excess_is_cut_or_refused(crm: Sandbox, api: Api) -> None:
    seed_bulk(crm.demo, 300)
    assert len(ids(api.get("leads", params={"limit": 500}))) == 250
    crm.switches.limit_over_maximum = "error"
    answer = api.get("leads", params={"limit": 500})
    assert (answer.status_code, answer.json()["detail"]) == (422, "Limit 250 per page")


def test_contacts_come_only_when_asked_for(crm: Sandbox, api: Api) -> None:
    deal = crm.demo.deals.create("Имплант", phone=["8 701", "+7 702"], utm={"source": "ig"})
    assert "contacts" not in api.get(f"leads/{deal.id}").json()["_embedded"]
    lead = api.get(f"leads/{deal.id}", params={"with": "contacts,loss_reason"}).json()
    assert [(row["id"], row["is_main"]) for row in lead["_embedded"]["contacts"]] == [(deal.contact_ids[0], True)]
    assert lead["_embedded"]["loss_reason"] == []
    source = next(row for row in lead["custom_fields_values"] if row["field_code"] == "UTM_SOURCE")
    assert (source["field_type"], source["values"]) == ("tracking_data", [{"value": "ig"}])
    contact = api.get(f"contacts/{deal.contact_ids[0]}", params={"with": "leads"}).json()
    phone = contact["custom_fields_values"][0]
    assert [value["value"] for value in phone["values"]] == ["8 701", "+7 702"]
    assert (phone["field_code"], phone["values"][0]["enum_code"]) == ("PHONE", "WORK")
    assert contact["_embedded"]["leads"][0]["id"] == deal.id


def test_filters_are_ignored_without_the_add_on_or_refused(crm: Sandbox, api: Api, deals: list[int]) -> None:
    assert not api.get("account", params={"with": "is_api_filter_enabled"}).json()["is_api_filter_enabled"]
    assert ids(api.get("leads", params={"filter[id][]": deals[1]})) == deals
    crm.switches.filter_without_addon = "error"
    assert api.get("leads", params={"filter[id][]": deals[1]}).status_code == 403


def test_filters_work_with_the_add_on(crm: Sandbox, api: Api, deals: list[int]) -> None:
    crm.demo.profile.is_api_filter_enabled = True
    crm.demo.deals.win(deals[3], at=crm.clock.now() + 5)
    pipeline = crm.demo.pipelines.main.id

    def found(**filters: Any) -> list[int]:
        return ids(api.get("leads", params={f"filter{name}": value for name, value in filters.items()}))

    assert found(**{"[id][]": [deals[1], deals[4], 99]}) == [deals[1], deals[4]]
    assert found(**{"[updated_at][from]": crm.clock.now() + 5}) == [deals[3]]
    assert found(**{"[updated_at]": 5}) == []
    stages = {"[statuses][0][pipeline_id]": pipeline, "[statuses][0][status_id]": WON_STATUS_ID}
    assert deals[3] in found(**stages)
    assert found(**{"[name][]": "Сделка 2"}) == [deals[1]]


def test_search_finds_foreign_rows_too(crm: Sandbox, api: Api) -> None:
    crm.demo.contacts.create("Айгерим", phone="+7 (701) 123-45-67")
    crm.demo.contacts.create("Тимур 7011234567")
    assert len(ids(api.get("contacts", params={"query": "7011234567"}), "contacts")) == 2


def test_a_deleted_deal_leaves_the_lists_and_can_be_asked_for(crm: Sandbox, api: Api, deals: list[int]) -> None:
    crm.demo.deals.delete(deals[0])
    assert ids(api.get("leads")) == deals[1:]
    assert api.get(f"leads/{deals[0]}").status_code == 204
    trashed = api.get("leads", params={"with": "only_deleted"}).json()["_embedded"]["leads"]
    assert [(row["id"], row["is_deleted"]) for row in trashed] == [(deals[0], True)]
    crm.switches.deleted_lead_read = 200
    assert api.get(f"leads/{deals[0]}").json()["is_deleted"] is True
    crm.demo.deals.restore(deals[0])
    assert ids(api.get("leads")) == deals


def test_a_merged_deal_reads_as_nothing_and_the_survivor_is_newer(crm: Sandbox, api: Api, deals: list[int]) -> None:
    crm.demo.deals.merge(deals[1], deals[0])
    crm.switches.deleted_lead_read = 200
    assert api.get(f"leads/{deals[0]}").status_code == 204
    assert len(api.get(f"leads/{deals[1]}", params={"with": "contacts"}).json()["_embedded"]["contacts"]) == 2
    assert api.get("leads", params={"with": "only_deleted"}).status_code == 204
    events = api.get("events", params={"filter[type][]": "entity_merged"}).json()["_embedded"]["events"]
    assert [event["entity_id"] for event in events] == [deals[1]]


def test_winning_closes_and_reopening_opens(crm: Sandbox, api: Api, deals: list[int]) -> None:
    answer = api.patch(f"leads/{deals[0]}", json={"status_id": LOST_STATUS_ID, "loss_reason_id": 12_000_001})
    assert answer.status_code == 200
    lead = api.get(f"leads/{deals[0]}", params={"with": "loss_reason"}).json()
    assert lead["closed_at"] == lead["updated_at"]
    assert lead["_embedded"]["loss_reason"][0]["name"] == "Дорого"
    first = crm.demo.pipelines.first_stage(crm.demo.pipelines.main.id).id
    api.patch("leads", json=[{"id": deals[0], "status_id": first}])
    assert api.get(f"leads/{deals[0]}").json()["closed_at"] is None


def test_tags_are_deltas_or_a_whole_set(api: Api, deals: list[int]) -> None:
    def tags() -> set[str]:
        return {tag["name"] for tag in api.get(f"leads/{deals[0]}").json()["_embedded"]["tags"]}

    api.patch(f"leads/{deals[0]}", json={"_embedded": {"tags": [{"name": "a"}, {"name": "b"}]}})
    assert tags() == {"a", "b"}
    api.patch(f"leads/{deals[0]}", json={"tags_to_add": [{"name": "c"}], "tags_to_delete": [{"name": "a"}]})
    assert tags() == {"b", "c"}
    api.patch(f"leads/{deals[0]}", json={"_embedded": {"tags": None}})
    assert tags() == set()
    assert {tag["name"] for tag in api.get("leads/tags").json()["_embedded"]["tags"]} == {"a", "b", "c"}


def test_a_value_is_written_by_code_and_cleared_by_null(api: Api, deals: list[int]) -> None:
    def written(values: Any) -> Any:
        row = {"field_code": "UTM_TERM", "values": values}
        api.patch(f"leads/{deals[0]}", json={"custom_fields_values": [row]})
        rows = api.get(f"leads/{deals[0]}").json()["custom_fields_values"] or []
        return next((row["values"] for row in rows if row["field_code"] == "UTM_TERM"), None)

    assert written([{"value": "осень"}]) == [{"value": "осень"}]
    assert written(None) is None


def test_complex_makes_a_deal_with_its_contact(crm: Sandbox, api: Api) -> None:
    phone = {"field_code": "PHONE", "values": [{"enum_code": "MOB", "value": "8 701"}]}
    row = {
        "name": "С сайта", "price": 100, "request_id": "q1",
        "_embedded": {
            "tags": [{"name": "сайт"}], "contacts": [{"first_name": "Айгерим", "custom_fields_values": [phone]}],
        },
    }  # fmt: skip
    made = api.post("leads/complex", json=[row]).json()
    assert made[0]["request_id"] == ["q1"]
    assert made[0]["merged"] is False
    deal = crm.demo.deals[made[0]["id"]]
    assert deal.contact_ids == [made[0]["contact_id"]]
    assert crm.demo.contacts.phones(deal.contact_ids[0]) == ["8 701"]
    form = {"name": "Форма", "_embedded": {"metadata": {"category": "forms", "form_id": 1}}}
    waiting = api.post("leads/complex", json=[form]).json()[0]["id"]
    assert crm.demo.deals[waiting].status_id == crm.demo.unsorted.stage()
    again = api.post("leads/complex", json=[{"_embedded": {"contacts": [{"id": made[0]["contact_id"]}]}}]).json()
    assert again[0]["contact_id"] == made[0]["contact_id"]


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"custom_fields_values": [{"field_id": 5, "values": [{"value": 1}]}]}, "custom_fields_values.0.field_id"),
        ({"status_id": 5}, "status_id"),
        ({"_embedded": {"contacts": [{"id": 5}]}}, "_embedded.contacts.0.id"),
    ],
)
def test_senseless_values_are_validation_errors(api: Api, row: dict[str, Any], path: str) -> None:
    answer = api.post("leads", json=[row])
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["validation-errors"][0]["errors"][0]["path"] == path
    assert api.get("leads").status_code == 204


def test_too_many_rows_and_empty_bodies_are_refused(api: Api) -> None:
    assert api.post("leads", json=[{"name": "x"}] * 251).status_code == 422
    assert api.post("leads", json=[]).json()["detail"] == "Request data can not be empty"
    assert api.post("leads/complex", json=[{"name": "x"}] * 51).status_code == 422


def test_unknown_paths_are_404_and_wrong_methods_405(api: Api) -> None:
    assert api.get("nonsense").status_code == 404
    assert api.delete("leads").status_code == 405


def test_every_pipeline_has_the_three_system_stages(crm: Sandbox, api: Api) -> None:
    crm.demo.pipelines.add("Вторая", ["Новая"])
    answer = api.get("leads/pipelines").json()
    assert answer["_total_items"] == 2
    for pipeline in answer["_embedded"]["pipelines"]:
        stages = pipeline["_embedded"]["statuses"]
        assert stages[0]["type"] == 1
        assert [stage["id"] for stage in stages[-2:]] == [142, 143]


def test_events_tell_of_stages_and_prices_newest_first(crm: Sandbox, api: Api, deals: list[int]) -> None:
    main = crm.demo.pipelines.main
    second = main.stages[2].id
    before = crm.demo.deals[deals[0]].status_id
    crm.demo.deals.move(deals[0], second, at=1_000) if before != second else None
    crm.demo.deals.win(deals[0], price=77_500, at=2_000)
    wanted = {"filter[entity]": "lead", "filter[entity_id][]": deals[0], "filter[type][]": "lead_status_changed"}
    events = api.get("events", params=wanted).json()["_embedded"]["events"]
    assert events[0]["value_after"] == [{"lead_status": {"id": WON_STATUS_ID, "pipeline_id": main.id}}]
    assert events[0]["value_before"] == [{"lead_status": {"id": second, "pipeline_id": main.id}}]
    assert len(events[0]["id"]) == 26
    prices = api.get("events", params={"filter[type][]": "sale_field_changed"}).json()["_embedded"]["events"]
    assert prices[0]["value_after"] == [{"sale_field_value": {"sale": 77500, "sale_with_minor_units": 77500.0}}]
    assert (
        api.get("events", params={"filter[created_at][from]": 2_001, "filter[type]": "lead_added"}).status_code == 204
    )
    assert api.get("events", params={"filter[entity_id][]": deals[0]}).status_code == 400


def test_an_event_page_has_at_most_100(crm: Sandbox, api: Api) -> None:
    seed_bulk(crm.demo, 120, with_events=True)
    assert len(ids(api.get("events", params={"limit": 250}), "events")) == 100


def test_account_tells_currency_and_time_zone(api: Api) -> None:
    account = api.get("account", params={"with": "datetime_settings"}).json()
    assert (account["currency"], account["currency_symbol"]) == ("KZT", "₸")
    assert account["_embedded"]["datetime_settings"]["timezone"] == "Asia/Almaty"


def test_an_unpaid_account_is_402(crm: Sandbox, api: Api) -> None:
    crm.demo.profile.is_paid = False
    assert api.get("account").json()["status"] == 402


def test_webhooks_are_made_updated_and_taken_away_by_address(crm: Sandbox, api: Api) -> None:
    address = "http://127.0.0.1:1/hook?user_id=1&sig=a,b"
    first = api.post("webhooks", json={"destination": address, "settings": ["add_lead"], "sort": 10})
    assert (first.status_code, first.json()["sort"]) == (201, 1)
    second = api.post("webhooks", json={"destination": address, "settings": ["add_lead", "status_lead"]}).json()
    assert (second["id"], second["settings"]) == (first.json()["id"], ["add_lead", "status_lead"])
    assert api.get("webhooks", params={"filter[destination]": address}).json()["_total_items"] == 1
    assert api.get("webhooks", params={"filter[destination]": "http://other/"}).json()["_total_items"] == 0
    assert api.post("webhooks", json={"destination": address, "settings": ["add_nothing"]}).status_code == 400
    assert api.delete("webhooks", json={"destination": address}).status_code == 204
    assert api.delete("webhooks", json={"destination": address}).status_code == 404


def test_a_disabled_hook_stays_so_when_posted_again_unless_switched(crm: Sandbox, api: Api) -> None:
    hook = crm.demo.subscribe("http://127.0.0.1:1/", ["add_lead"])
    hook.disabled = True
    body = {"destination": hook.destination, "settings": ["add_lead"]}
    assert api.post("webhooks", json=body).json()["disabled"] is True
    crm.switches.post_enables_hook = True
    assert api.post("webhooks", json=body).json()["disabled"] is False


def test_many_deals_are_paged_in_order(server: Server, api: Api) -> None:
    made = seed_bulk(server.crm.demo, 20_000)
    last = api.get("leads", params={"limit": 250, "page": 80, "with": "contacts"})
    assert ids(last) == made[-250:]
    newest = api.get("leads", params={"limit": 250, "order[updated_at]": "desc", "page": 2})
    assert ids(newest) == made[-251:-501:-1]
