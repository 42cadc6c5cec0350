from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.amocrm.client import _same_host
from integrations.amocrm.hosts import DOMAINS, ForeignHost, account_host


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("demo.amocrm.ru", "demo.amocrm.ru"),
        ("https://demo.amocrm.ru", "demo.amocrm.ru"),
        ("http://demo.amocrm.com/", "demo.amocrm.com"),
        ("https://my-shop2.kommo.com/leads/?x=1#y", "my-shop2.kommo.com"),
        ("DEMO.AmoCRM.ru", "demo.amocrm.ru"),
        ("demo.amocrm.ru.", "demo.amocrm.ru"),
        (" demo.amocrm.ru ", "demo.amocrm.ru"),
    ],
)
def test_a_host_or_url_of_amocrm_names_its_account(address: str, host: str) -> None:
    assert account_host(address) == host


@pytest.mark.parametrize(
    "address",
    [
        "",
        "amocrm.ru",
        "www.amocrm.ru",
        ".amocrm.ru",
        "evil.com",
        "evilamocrm.ru",
        "demo.amocrm.ru.evil.com",
        "https://evil.com/demo.amocrm.ru",
        "https://evil.com?demo.amocrm.ru",
        "https://evil.com#.amocrm.ru",
        "https://evil.com\\.amocrm.ru",
        "https://demo.amocrm.ru@evil.com",
        "https://user:pass@demo.amocrm.ru",
        "demo.amocrm.ru:8080",
        "https://demo.amocrm.ru:443/",
        "//demo.amocrm.ru",
        "ftp://demo.amocrm.ru",
        "javascript://demo.amocrm.ru",
        "127.0.0.1",
        "https://[::1]/.amocrm.ru",
        "2130706433",
        "demo..amocrm.ru",
        "demo.amocrm.ru..",
        "-demo.amocrm.ru",
        "demo-.amocrm.ru",
        "de_mo.amocrm.ru",
        "a.b.amocrm.ru",
        f"{'a' * 64}.amocrm.ru",
        "demo.amocrm.ru\n",
        "demo.amocrm.ru\r\nHost: evil.com",
        "demo\x00.amocrm.ru",
        "demo.ammocrm.ru",
        "demo.\u212aommo.com",
        "d\u0435mo.amocrm.ru",
        "demo\u3002amocrm.ru",
        "demo.amocrm.ru/\\evil.com",
    ],
)
def test_whatever_else_is_foreign(address: str) -> None:
    with pytest.raises(ForeignHost):
        account_host(address)


ADDRESS_PARTS = st.sampled_from(
    [
        *DOMAINS,
        "demo",
        "evil.com",
        ".",
        "/",
        "\\",
        "@",
        ":",
        "//",
        "https://",
        "http:",
        "?",
        "#",
        "%2e",
        "\t",
        "[",
        "]",
        " ",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(ADDRESS_PARTS, max_size=8).map("".join)))
def test_only_one_label_under_amocrms_domains_is_ever_let_through(address: str) -> None:
    try:
        host = account_host(address)
    except ForeignHost:
        return
    label, _, domain = host.partition(".")
    assert domain in DOMAINS
    assert label.replace("-", "").isalnum()
    assert label.isascii()


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v4/leads?page=2",
        "https://demo.amocrm.ru@evil.example/api/v4/leads?page=2",
        "//evil.example:8443/api/v4/leads?page=2",
        "http://169.254.169.254/api/v4/leads?page=2",
        "https://d\u0435mo.amocrm.ru/api/v4/leads?page=2",
        "?page=2",
    ],
)
def test_of_a_next_link_only_path_and_query_are_used(link: str) -> None:
    assert _same_host("/api/v4/leads", link) == "/api/v4/leads?page=2"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://evil.example/",
        "/api/v4/../../oauth2/access_token",
        "/api/v4/%2e%2e/..",
        "/oauth2/access_token",
        "@evil.example/api/v4/leads",
        "https://[evil/api/v4/leads",
        "javascript:alert(1)",
        "/\\evil.example/api/v4/leads",
    ],
)
def test_a_next_link_that_is_no_address_of_the_api_ends_the_list(link: str) -> None:
    followed = _same_host("/api/v4/leads", link)
    assert followed == "" or (followed.startswith("/api/v4/") and ".." not in followed)
