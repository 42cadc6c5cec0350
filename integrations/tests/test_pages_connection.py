"""The page of the connection: who may do what there, against the sandbox's amoCRM."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone, translation

from integrations.amocrm.errors import Blocked, Unpaid
from integrations.amocrm.hosts import ForeignHost
from integrations.connecting.connect import disabled_at_amocrm, disconnect
from integrations.connecting.hooks import hook_register
from integrations.connecting.problems import note_problem
from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, ConnectionState, Hook, HookDay, Problem
from integrations.pages.condition import TITLES
from integrations.pages.subdomains import subdomain_typed
from leads.models import Membership, PipelineStage, Role, User, UserAccount
from sandbox import Server

pytestmark = pytest.mark.django_db(transaction=True)


def member(account: UserAccount, role: Role) -> Client:
    """The session of a new member."""
    user = User.objects.create_user(f"{role}@example.com", "secret-7")
    Membership.objects.create(user_account=account, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("typed", "subdomain"),
    [
        ("mycompany", "mycompany"),
        (" MyCompany ", "mycompany"),
        ("mycompany.amocrm.ru", "mycompany"),
        ("https://mycompany.amocrm.ru/leads/pipeline/77/?skip_filter=Y", "mycompany"),
        ("https://mycompany.amocrm.ru/leads/list/?term=дом", "mycompany"),
        ("http://my-company.kommo.com", "my-company"),
        ("", ""),
    ],
)
def test_whatever_names_an_account_is_accepted(typed: str, subdomain: str) -> None:
    assert subdomain_typed(typed) == subdomain


@pytest.mark.parametrize(
    "typed", ["example.com", "https://amocrm.ru.evil.example/", "a b", "моя компания", "x@mycompany.amocrm.ru", "-x"]
)
def test_what_is_no_account_is_refused(typed: str) -> None:
    with pytest.raises(ForeignHost):
        subdomain_typed(typed)


def test_connecting_leads_to_the_consent_with_account_and_subdomain(alfa: UserAccount, settings: Any) -> None:
    settings.AMOCRM_CLIENT_ID = "client"
    answer = member(alfa, Role.OWNER).post("/connection/connect", {"subdomain": "https://demo.amocrm.ru/"})
    address = urlsplit(answer["Location"])
    assert address.path == "/amocrm/auth"
    assert parse_qs(address.query) == {"userAccountId": [str(alfa.pk)], "subdomain": ["demo"]}


def test_the_policy_lets_the_form_lead_to_amocrm(alfa: UserAccount, settings: Any) -> None:
    settings.AMOCRM_AUTH_URL = "http://127.0.0.1:8100/oauth"
    policy = member(alfa, Role.OWNER).get("/connection/")["Content-Security-Policy"]
    sources = next(part for part in policy.split(";") if "form-action" in part)
    assert "http://127.0.0.1:8100" in sources
    assert "https://*.amocrm.ru" in sources
    assert "'self'" in sources


@pytest.mark.parametrize(
    ("host", "is_told"), [("127.0.0.1:8000", True), ("localhost:8000", False), ("LOCALHOST", False)]
)
def test_who_is_on_another_host_than_amocrm_leads_back_to_is_told_before(
    alfa: UserAccount, settings: Any, host: str, is_told: bool
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.AMOCRM_REDIRECT_URI = "http://localhost:8000/amocrm/callback"
    page = member(alfa, Role.OWNER).get("/connection/", headers={"host": host}).content.decode()
    assert ('href="http://localhost:8000/connection"' in page) is is_told
    assert 'action="/connection/connect"' in page


def test_a_wrong_address_is_told_at_its_field(alfa: UserAccount, settings: Any) -> None:
    settings.AMOCRM_CLIENT_ID = "client"
    answer = member(alfa, Role.OWNER).post("/connection/connect", {"subdomain": "evil.example"})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "It looks like mycompany.amocrm.ru." in page
    assert 'value="evil.example"' in page


def test_a_server_without_the_integrations_keys_says_so(alfa: UserAccount, settings: Any) -> None:
    settings.AMOCRM_CLIENT_ID = ""
    answer = member(alfa, Role.OWNER).post("/connection/connect", {"subdomain": "demo"})
    assert "AMOCRM_CLIENT_ID" in answer.content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.STAFF])
@pytest.mark.parametrize("deed", ["connect", "disconnect"])
def test_connecting_and_disconnecting_are_the_owners(connected: UserAccount, role: Role, deed: str) -> None:
    client = member(connected, role)
    assert client.post(f"/connection/{deed}").status_code == 403
    assert AmoCRMConnection.objects.get().state == ConnectionState.CONNECTED
    assert f"/connection/{deed}" not in client.get("/connection/").content.decode()


@pytest.mark.parametrize("deed", ["pipelines", "register"])
def test_a_viewer_changes_nothing(connected: UserAccount, deed: str) -> None:
    assert member(connected, Role.VIEWER).post(f"/connection/{deed}").status_code == 403


def test_hook_addresses_are_shown_to_who_may_send(alfa: UserAccount) -> None:
    page = member(alfa, Role.STAFF).get("/connection/").content.decode()
    for hook in Hook:
        assert hook_url(alfa, hook).replace("&", "&amp;") in page
    assert "sig=" not in member(alfa, Role.VIEWER).get("/connection/").content.decode()


def test_pipelines_are_read_at_a_click(connected: UserAccount) -> None:
    client = member(connected, Role.STAFF)
    assert client.post("/connection/pipelines", {"next": "stages"})["Location"] == "/app/stages"
    assert PipelineStage.objects.filter(user_account=connected, status_id=142).exists()
    assert "Pipelines are read" in client.get("/app/stages").content.decode()


def test_without_a_connection_a_click_says_connect_first(alfa: UserAccount) -> None:
    client = member(alfa, Role.STAFF)
    for deed in ("pipelines", "register"):
        assert client.post(f"/connection/{deed}").status_code == 302
        assert "Connect amoCRM first." in client.get("/connection/").content.decode()


def test_the_hook_is_shown_as_amocrm_has_it(connected: UserAccount) -> None:
    client = member(connected, Role.STAFF)
    assert "not registered" in client.get("/connection/hook").content.decode()
    assert client.post("/connection/register").status_code == 302
    assert "amoCRM sends every event that is needed." in client.get("/connection/hook").content.decode()


def test_an_unreachable_amocrm_is_said_and_breaks_nothing(connected: UserAccount, settings: Any) -> None:
    settings.AMOCRM_BASE_URL = "http://127.0.0.1:9"
    client = member(connected, Role.STAFF)
    assert "amoCRM could not be asked" in client.get("/connection/hook").content.decode()
    client.post("/connection/register")
    assert "amoCRM could not be asked" in client.get("/connection/").content.decode()


@pytest.mark.parametrize(("lacks", "remedy"), [("plan", "Advanced or Professional plan"), ("rights", "administrator")])
def test_a_hook_that_amocrm_refuses_is_told_with_what_to_do_however_often_one_looks(
    connected: UserAccount, amocrm: Server, lacks: str, remedy: str
) -> None:
    client = member(connected, Role.STAFF)
    amocrm.crm.demo.profile.has_webhooks = lacks != "plan"
    if lacks == "rights":
        amocrm.crm.faults.answer(403, times=1, prefix="/api/v4/webhooks")
    client.post("/connection/register")
    page = client.get("/connection/").content.decode()
    assert "amoCRM did not register the hook" in page
    assert "is not paid" not in page
    for _look in range(2):
        assert "not registered" in client.get("/connection/hook").content.decode()
        assert remedy in client.get("/connection/state").content.decode()


def test_disconnecting_removes_the_hook_and_keeps_the_page(connected: UserAccount, amocrm: Server) -> None:
    hook_register(AmoCRMConnection.objects.get())
    client = member(connected, Role.OWNER)
    assert client.post("/connection/disconnect")["Location"] == "/connection"
    row = AmoCRMConnection.objects.get()
    assert (row.state, row.access_token) == (ConnectionState.DISCONNECTED, "")
    page = client.get("/connection/").content.decode()
    assert "amoCRM is disconnected." in page
    assert "Connect amoCRM" in page


def test_switched_off_at_amocrm_the_pages_say_so_until_somebody_connects(connected: UserAccount) -> None:
    client, row = member(connected, Role.VIEWER), AmoCRMConnection.objects.get()
    assert row.amocrm_account_id
    disabled_at_amocrm(row.amocrm_account_id)
    for address in ("/connection/", "/app/"):
        assert "The integration was switched off in amoCRM." in client.get(address).content.decode()
    assert client.get("/amocrm/status").json()["problem"] is None
    disconnect(AmoCRMConnection.objects.get())
    assert "switched off in amoCRM" not in client.get("/connection/").content.decode()


def test_who_has_to_connect_again_finds_the_address_filled_in(connected: UserAccount) -> None:
    AmoCRMConnection.objects.update(state=ConnectionState.RECONNECT_NEEDED)
    shown = member(connected, Role.OWNER).get("/connection/").content.decode()
    assert f'value="{AmoCRMConnection.objects.get().host}"' in shown


def test_the_page_tells_how_many_changes_of_the_week_no_hook_told_of(alfa: UserAccount) -> None:
    today = timezone.localdate(timezone=alfa.zone)
    for back, (told, untold) in {0: (3, 1), 6: (9, 3), 7: (1000, 0)}.items():
        HookDay.objects.create(user_account=alfa, day=today - timedelta(days=back), told=told, untold=untold)
    shown = member(alfa, Role.VIEWER).get("/connection/syncs").content.decode()
    assert "25.00% · 4 not told, 12 told" in shown


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_problem_is_named_once(connected: UserAccount, language: str) -> None:
    connection = AmoCRMConnection.objects.get()
    note_problem(connection, Unpaid("The amoCRM account is not paid. Pay the invoice."))
    with translation.override(language):
        page = member(connected, Role.VIEWER).get("/connection/", HTTP_ACCEPT_LANGUAGE=language).content.decode()
        assert page.count(str(TITLES[Problem.UNPAID])) == 1
        assert "Pay the invoice." in page
    note_problem(connection, Blocked("amoCRM blocks our requests."))
    with translation.override(language):
        page = member(connected, Role.OWNER).get("/connection/", HTTP_ACCEPT_LANGUAGE=language).content.decode()
        assert page.count(str(TITLES[Problem.BLOCKED])) == 1


def test_another_accounts_connection_is_untouched(connected: UserAccount) -> None:
    other = UserAccount.objects.create(name="Other")
    client = member(other, Role.OWNER)
    assert client.post("/connection/disconnect", {"userAccountId": str(connected.pk)}).status_code == 404
    client.post("/connection/disconnect")
    assert AmoCRMConnection.objects.get().state == ConnectionState.CONNECTED


def test_no_page_shows_a_token(connected: UserAccount) -> None:
    token = AmoCRMConnection.objects.get().access_token
    client = member(connected, Role.OWNER)
    for address in ("/connection/", "/connection/state", "/connection/hook", "/app/", "/app/now"):
        assert token not in client.get(address).content.decode()


def test_a_stranger_is_sent_to_the_login(db: None) -> None:
    for path in ("", "state", "hook", "connect", "pipelines", "register", "disconnect"):
        answer = (
            Client().post(f"/connection/{path}")
            if path not in ("", "state", "hook")
            else Client().get(f"/connection/{path}")
        )
        assert answer["Location"].startswith("/login/?next=/connection/")


def test_going_to_a_deeds_address_by_hand_leads_to_the_page(connected: UserAccount) -> None:
    client = member(connected, Role.OWNER)
    for deed in ("connect", "pipelines", "register", "disconnect"):
        assert client.get(f"/connection/{deed}")["Location"] == "/connection"
    assert AmoCRMConnection.objects.get().state == ConnectionState.CONNECTED


def test_an_account_shows_its_own_host(connected: UserAccount, amocrm: Server) -> None:
    assert amocrm.crm.demo.profile.host in member(connected, Role.VIEWER).get("/connection/state").content.decode()
