from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import CLIENT_ID, Sandbox, Server, seed_demo, serve
from sandbox.__main__ import arguments, prepare
from sandbox.control import ROUTES
from sandbox.persist import Keeper, dump

from .conftest import Api, Listener


def everything(crm: Sandbox) -> Any:
    """The whole state, as data."""
    return json.loads(json.dumps(dump(crm), default=lambda record: {n: getattr(record, n) for n in record.__slots__}))


class Control:
    """The control API as a test in another process uses it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, method: str, path: str, data: Any = None, *, status: int = 200) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", json=data, timeout=30)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def control(server: Server) -> Control:
    return Control(server.url)


def test_a_deal_can_be_led_through_its_life(control: Control) -> None:
    deal = control("POST", "deals", {"name": "Имплант", "price": 100, "phone": "8 701", "utm": {"source": "ig"}})
    assert deal["fields"] == {"UTM_SOURCE": "ig"}
    assert deal["contacts"][0]["phones"] == ["8 701"]
    stage = control("GET", "state")["account"]["pipelines"][0]["stages"][2]["id"]
    path = f"deals/{deal['id']}"
    assert control("PATCH", path, {"status_id": stage, "price": 200})["status_id"] == stage
    assert control("POST", f"{path}/win", {"price": 300})["price"] == 300
    assert control("POST", f"{path}/lose")["status_id"] == 143
    assert control("POST", f"{path}/delete")["is_deleted"] is True
    assert control("POST", f"{path}/restore")["is_deleted"] is False
    other = control("POST", "deals", {"name": "Двойник", "contact_name": "Айгерим"})
    phone = control("POST", f"contacts/{other['contacts'][0]['id']}/phone", {"phone": "+7 702"})
    assert phone["phones"] == ["+7 702"]
    control("POST", f"{path}/merge", {"merged_id": other["id"]})
    assert control("GET", f"deals/{other['id']}")["merged_into"] == deal["id"]


def test_mistakes_are_told(control: Control) -> None:
    assert "99" in control("PATCH", "deals/99", {}, status=404)["detail"]
    assert "status 5" in control("POST", "deals", {"status_id": 5}, status=400)["detail"]
    assert "nonsense" in control("POST", "faults", {"kind": "nonsense"}, status=400)["detail"]
    assert "no switch x" in control("PATCH", "switches", {"x": 1}, status=400)["detail"]
    control("GET", "nonsense", status=404)
    control("DELETE", "deals", status=405)


def test_faults_switches_tokens_and_blocks(control: Control, crm: Sandbox, server: Server) -> None:
    control("POST", "faults", {"kind": "status", "status": 502, "times": 1, "html": True})
    api = Api(server.url, control("POST", "token", {"kind": "long_lived"})["access_token"])
    assert [api.get("account").status_code for _ in range(2)] == [502, 200]
    control("PATCH", "faults", {"lose_next": 2})
    assert control("DELETE", "faults")["hooks"]["lose_next"] == 0
    assert control("PATCH", "switches", {"kommo_refresh": True})["kommo_refresh"] is True
    control("POST", "block", {})
    assert api.get("account").status_code == 403
    control("POST", "lift")
    assert api.get("account").status_code == 200
    assert control("GET", "requests")["counts"] == {"GET /api/v4/account": 4}
    assert control("DELETE", "requests") == {"count": 0}
    assert control("PATCH", "account", {"is_api_filter_enabled": True})["is_api_filter_enabled"] is True


def test_accounts_pipelines_and_many_deals(control: Control, crm: Sandbox) -> None:
    control("POST", "accounts", {"subdomain": "second", "currency": "RUB"})
    control("POST", "pipelines?account=second", {"name": "Вторая", "stages": ["Новая"]})
    made = control("POST", "seed?account=second", {"deals": 1000, "with_events": True})
    assert made["deals"] == 1000
    assert len(crm.account("second").deals) == 1000
    assert crm.account("second.amocrm.ru").profile.currency == "RUB"
    assert len(control("GET", "accounts")["accounts"]) == 2


def test_hooks_can_be_watched_switched_and_waited_for(control: Control, listener: Listener) -> None:
    control("POST", "hooks", {"destination": listener.url, "settings": ["add_lead"]})
    control("POST", "deals", {"name": "x"})
    assert control("POST", "deliveries/wait", {"timeout": 30}) == {"idle": True}
    shown = control("GET", "deliveries")["deliveries"][0]
    assert (shown["state"], shown["attempts"][0]["status"]) == ("delivered", 200)
    assert shown["fields"]["leads[add][0][name]"] == "x"
    assert control("PATCH", "hooks", {"destination": listener.url, "disabled": True})["disabled"] is True
    control("POST", "deals", {"name": "unheard"})
    assert control("GET", "deliveries")["count"] == 1
    control("POST", "reset")
    assert control("GET", "deliveries")["count"] == 0


def test_every_route_is_in_the_list_that_people_read() -> None:
    import sandbox.control as module

    assert module.__doc__
    for _, path, _ in ROUTES:
        assert path.partition("/")[0] in module.__doc__, path


def test_the_board_and_its_parts_are_served(server: Server) -> None:
    page = requests.get(server.url, timeout=30)
    assert "sandbox amoCRM" in page.text
    for path in ("board.css", "board.js", "icon.svg"):
        assert requests.get(f"{server.url}/{path}", timeout=30).status_code == 200
    assert requests.get(f"{server.url}/nonsense", timeout=30).status_code == 404


def test_the_demo_is_the_same_each_time() -> None:
    seen = []
    for _ in range(2):
        crm = Sandbox()
        seed_demo(crm)
        seen.append([(deal.name, deal.price, deal.status_id) for deal in crm.demo.deals.by_id.values()])
        crm.close()
    assert seen[0] == seen[1]
    assert len(seen[0]) == 40


def test_the_state_file_brings_everything_back(tmp_path: Path, listener: Listener) -> None:
    path = tmp_path / "var" / "sandbox.json"
    options = arguments(["--state", str(path), "--seed-demo", "--port", "0"])
    with serve(prepare(options)) as server:
        crm = server.crm
        pair = crm.oauth.pair_for(crm.demo.id, CLIENT_ID)
        crm.demo.subscribe(listener.url, ["add_lead"])
        deal = crm.demo.deals.create("Последняя", phone="8 701", tags=["vip"])
        crm.demo.deals.delete(next(iter(crm.demo.deals.by_id)))
        before = everything(crm)
    with serve(prepare(options)) as server:
        crm = server.crm
        assert everything(crm) == before
        api = Api(server.url, pair.access_token)
        assert api.get(f"leads/{deal.id}").json()["name"] == "Последняя"
        assert len(crm.demo.deals) == 40
        assert [hook.destination for hook in crm.demo.hooks.values()] == [listener.url]
        assert crm.demo.deals.create("Новая").id > deal.id


def test_a_change_is_saved_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    crm = Sandbox()
    keeper = Keeper(crm, path)
    assert keeper.restore() is False
    keeper.watch()
    crm.demo.deals.create("x")
    crm.close()
    assert json.loads(path.read_text(encoding="utf-8"))["accounts"][0]["stores"]["deals"]["rows"][0]["name"] == "x"
