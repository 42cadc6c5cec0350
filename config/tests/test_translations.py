"""Russian throughout: whole catalogues, no text outside of them, and pages on which no English is left."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.template.base import Lexer, TokenType
from django.test import Client
from django.urls import reverse
from django.utils import translation

from analytics.api.referrals import private_page
from analytics.models import Referrer
from config import translations
from config.environment import BASE_DIR
from config.translations import CATALOGUES, OURS, Texts
from integrations.amocrm.payloads import parse_delivery
from integrations.tests import admin_world
from integrations.tests.admin_world import World, address
from leads.models import User
from leads.services.accounts import token_create
from leads.told import retold

# Names, which are the same in every language, and what stands for itself.
NAMES = {
    *("Voronka", "amoCRM", "amocrm", "mycompany", "ru", "WhatsApp", "Telegram", "Meta", "English", "RU", "EN"),
    *("API", "CSV", "JSON", "UTM", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
    *("ROI", "ROAS", "CPL", "CPQL", "CAC"),
}
SHOWN_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-label", "data-done", "data-failed"}
SILENT_TAGS = {"script", "style", "code", "pre"}
WORD = re.compile(r"[^\W\d]{2,}")
# A word of the catalogue in a page: no part of an address, of a file's name or of a longer identifier.
LATIN = re.compile(r"(?<![\w./@#=-])[A-Za-z]{3,}(?![\w/@=-]|\.\w)")


class Shown(HTMLParser):
    """The words of a page that a person reads or hears. Code speaks for itself, and an icon's name is no text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        # A language calls itself by its own name.
        if "lang" not in given:
            self.texts += [value for key, value in given.items() if key in SHOWN_ATTRIBUTES]
        if given.get("type") == "submit":
            self.texts.append(given.get("value", ""))
        is_silent = tag in SILENT_TAGS or "material-symbols-outlined" in given.get("class", "")
        if is_silent or tag in self.silent:  # one of the same kind inside must not end the silence
            self.silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.silent:
            self.silent.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self.silent and data.strip():
            self.texts.append(data.strip())


def shown(html: str) -> list[str]:
    reader = Shown()
    reader.feed(html)
    return reader.texts


@pytest.fixture(autouse=True)
def _its_own_language() -> Iterator[None]:
    """A request leaves its language in the thread; the next request would set its own."""
    with translation.override("en"):
        yield


# --- The catalogues ---


@pytest.mark.parametrize("texts", CATALOGUES, ids=lambda texts: texts.folder.name)
def test_every_text_is_translated_and_compiled(texts: Texts) -> None:
    """Red? `python -m config.translations update`, translate what is empty in the .po, then `… compile`."""
    assert list(translations.problems(texts)) == []


def test_our_translation_is_the_one_that_is_shown() -> None:
    """Libraries translate some of the same short texts in their own way."""
    with translation.override("ru"):
        for message in OURS.read():
            if not message.id or message.pluralizable:
                continue
            text = str(message.id)
            found = translation.pgettext(message.context, text) if message.context else translation.gettext(text)
            assert found == message.string


@pytest.mark.parametrize(("number", "form"), [(1, "1 продажа"), (22, "22 продажи"), (11, "11 продаж")])
def test_russian_counts_in_three_forms(number: int, form: str) -> None:
    with translation.override("ru"):
        assert translation.ngettext("%(n)d sale", "%(n)d sales", number) % {"n": number} == form


# --- The sources ---


def our_files(suffix: str) -> list[Path]:
    files = [path for place in translations.OUR_PLACES for path in translations.files_of(BASE_DIR / place)]
    return [path for path in files if path.suffix == suffix]


@pytest.mark.parametrize("path", our_files(".html"), ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_a_template_says_nothing_that_is_not_marked_for_translation(path: Path) -> None:
    words = {word for text in shown(_bare(path.read_text(encoding="utf-8"))) for word in WORD.findall(text)}
    assert words - NAMES == set()


def _bare(source: str) -> str:
    """A template without its tags, values and translated texts."""
    kept: list[str] = []
    in_translation = False
    for token in Lexer(source).tokenize():
        if token.token_type is TokenType.BLOCK:
            name = token.contents.split()[0]
            in_translation = name in {"blocktranslate", "comment"} or (
                in_translation and name not in {"endblocktranslate", "endcomment"}
            )
        elif token.token_type is TokenType.TEXT and not in_translation:
            kept.append(token.contents)
    return "".join(kept)


TOLD_BY_KEYWORD = {"label", "help_text", "verbose_name", "verbose_name_plural", "empty_label", "search_help_text"}


@pytest.mark.parametrize("path", our_files(".py"), ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_labels_and_hints_in_the_code_are_marked_for_translation(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert [line for call in calls for line in _unmarked(call)] == []


def _unmarked(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg not in TOLD_BY_KEYWORD or not isinstance(value, ast.Constant):
            continue
        if isinstance(value.value, str) and set(WORD.findall(value.value)) - NAMES:
            yield f"{call.lineno}: {keyword.arg}={value.value!r}"


# --- Stored sentences ---


def test_a_stored_sentence_is_retold_with_what_stood_in_it() -> None:
    stored = "contact 77 has no phone"
    assert retold(stored) == "contact 77 has no phone"
    with translation.override("ru"):
        assert retold(stored) == "у контакта 77 нет телефона"
        assert retold("GET /api/v4/leads 403: amoCRM blocks our requests.").endswith("amoCRM блокирует наши запросы.")
        assert retold("Leads: bad filter") == "Leads: bad filter"


def test_each_of_several_stored_sentences_is_retold() -> None:
    gone = "Deal %s reads as 204: merged into another deal, or gone."
    with translation.override("ru"):
        assert retold(f"{gone % 402}\n{gone % 403}") == f"{retold(gone % 402)}\n{retold(gone % 403)}"
        assert "Deal" not in retold(f"{gone % 402}\n{gone % 403}")


@pytest.mark.parametrize(
    "body",
    [
        "leads[add][0][name]=x",
        "leads[add][0][id]=7&leads[add][0][price]=much",
        "contacts[add][0][id]=x",
        "{oops",
        "&".join(f"leads[add][{number}][id]=x" for number in range(40)),
    ],
)
def test_what_is_wrong_with_a_body_is_retold(body: str) -> None:
    problems = parse_delivery(body.encode(), "").problems
    assert problems
    with translation.override("ru"):
        assert all(re.search("[а-я]", retold(problem)) for problem in problems)


# --- The pages ---


@pytest.fixture
def world(db: None) -> World:
    built = admin_world.build()
    User.objects.update(language="ru")
    return built


def english_of_ours() -> set[str]:
    """The words of our English texts that no Russian text has kept."""
    english: set[str] = set()
    kept: set[str] = set(NAMES)
    for texts in CATALOGUES:
        for message in texts.read():
            english |= set(LATIN.findall(_plain(message.id)))
            kept |= set(LATIN.findall(_plain(message.string)))
    return english - kept


def _plain(text: translations.MessageId | None) -> str:
    """All forms of a text, without what is filled in."""
    return re.sub(r"%\(\w+\)\w", "", text if isinstance(text, str) else " ".join(text or ()))


def english_in(html: str) -> dict[str, str]:
    """The words of ours that are left in a page, with where they stand. What the test's world is called is its own."""
    words = english_of_ours()
    texts = [text for text in shown(html) if "ALFAWORLD" not in text]
    return {word: text for text in texts for word in LATIN.findall(text) if word in words}


OWN_PAGES = (
    *("page-dashboard", "page-leads", "page-stages", "page-connection", "page-connection-syncs", "page-roi"),
    *("page-funnel", "page-sales", "page-spend", "page-spend-upload", "page-rates", "page-rates-upload", "page-meta"),
)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_a_page_is_russian(world: World, name: str) -> None:
    answer = world.client("alice").get(reverse(name))
    assert answer["Content-Language"] == "ru"
    assert english_in(answer.content.decode()) == {}


def test_a_lead_a_targetologist_and_a_referrer_are_shown_in_russian(world: World) -> None:
    client = world.client("alice")
    rows = {model.__name__: row for model, row in world.rows.items()}
    for page in (
        reverse("page-lead", args=[rows["Lead"].pk]),
        reverse("page-targetologist", args=[rows["Targetologist"].pk]),
    ):
        assert english_in(client.get(page).content.decode()) == {}


def our_models() -> list[type[Model]]:
    """The libraries' own pages, seen by who runs the installation, have words that cannot be translated at all."""
    ours = (model for model in admin.site._registry if model._meta.app_label in translations.OUR_PLACES)
    return sorted(ours, key=lambda model: model._meta.label)


# What the world's delivery holds, shown as it came, and the keys of UTM.
RAW = {"leads", "source", "medium", "campaign", "content", "term"}


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_the_admin_is_russian(world: World, model: type[Model]) -> None:
    client = world.client("root")
    left = english_in(client.get(address(model, "changelist")).content.decode())
    added = client.get(address(model, "add"))
    if added.status_code == 200:
        left |= english_in(added.content.decode())
    if model in world.rows:
        left |= english_in(client.get(address(model, "change", world.rows[model].pk)).content.decode())
    assert left.keys() - RAW == set()


def test_the_admin_home_is_russian(world: World) -> None:
    assert english_in(world.client("alice").get("/admin/").content.decode()) == {}


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_a_stranger_is_met_in_the_browsers_language(client: Client, db: None, page: str) -> None:
    russian = client.get(page, headers={"accept-language": "ru-RU,ru;q=0.9,en;q=0.8"})
    assert russian["Content-Language"] == "ru"
    assert english_in(russian.content.decode()) == {}
    assert client.get(page, headers={"accept-language": "en-US"})["Content-Language"] == "en"


# --- Whose language ---


@pytest.mark.parametrize("page", ["/app/", "/admin/", "/app/nowhere"])
def test_a_persons_own_language_stands_above_cookie_and_browser(world: World, page: str) -> None:
    client = world.client("alice")
    client.cookies["django_language"] = "en"
    answer = client.get(page, headers={"accept-language": "en-US"})
    assert answer["Content-Language"] == "ru"


def test_who_has_chosen_none_gets_the_browsers(world: World) -> None:
    User.objects.update(language="")
    answer = world.client("alice").get("/admin/", headers={"accept-language": "ru"})
    assert answer["Content-Language"] == "ru"


@pytest.mark.parametrize("chosen", ["ru", ""])
def test_errors_of_the_api_are_in_the_language_of_who_asks(world: World, client: Client, chosen: str) -> None:
    User.objects.update(language=chosen)
    token = token_create(User.objects.get(email="alice@x.kz"))
    headers = {"authorization": f"Token {token}"} | ({} if chosen else {"accept-language": "ru"})
    answer = client.get("/api/leads", {"page": "99"}, headers=headers)
    assert answer.json()["detail"] == "Страницы 99 нет; последняя — 1."


def test_a_form_tells_its_errors_in_russian(client: Client, db: None) -> None:
    answer = client.post("/login/", {"username": "", "password": ""}, headers={"accept-language": "ru"})
    assert "Введите эл. почту." in answer.content.decode()


def test_the_language_is_switched_in_the_admin_and_stays_there(world: World) -> None:
    client = world.client("alice")
    there: dict[str, Any] = {"headers": {"referer": "http://testserver/admin/"}}
    answer = client.post(reverse("page-language"), {"language": "en", "next": ""}, **there)
    assert answer["Location"] == "http://testserver/admin/"
    assert client.get("/admin/")["Content-Language"] == "en"


def test_a_referrer_without_a_login_reads_the_browsers_language(world: World, client: Client) -> None:
    page = private_page(Referrer.objects.get())
    assert english_in(client.get(page, headers={"accept-language": "ru"}).content.decode()) == {}


def test_a_stored_sentence_is_retold_where_what_stands_in_it_is_empty() -> None:
    with translation.override("ru"):
        assert retold("unknown: no pattern in utm_campaign '' or utm_source '2gis'").startswith("неизвестно")


def test_a_page_of_the_admin_is_named_so_that_any_name_fits() -> None:
    with translation.override("ru"):
        assert translation.gettext("Add %s") % "продажа" == "Добавить: продажа"
