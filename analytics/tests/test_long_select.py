"""Pages with a choice of referrer, of whom an account may have thousands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.test.signals import template_rendered
from django.utils.translation import gettext_lazy

from analytics.models import Referrer
from analytics.pages.long_select import LongSelect
from leads.models import UserAccount
from leads.tests.cast import Cast, client

CHOICES = [("", gettext_lazy("any")), ("none", "nobody's"), ("7", '<b>"Aida" & Co</b>'), ("17", "Timur")]


@pytest.mark.parametrize("value", [None, "", "none", "7", 7, "17", "x"])
@pytest.mark.parametrize("attrs", [{}, {"id": "id_one", "required": True}])
def test_it_is_djangos_own_select(value: Any, attrs: dict[str, Any]) -> None:
    own = LongSelect({"class": "wide"}, CHOICES).render("one", value, attrs)
    djangos = forms.Select({"class": "wide"}, CHOICES).render("one", value, attrs)
    assert _parts(own) == _parts(djangos)


def _parts(html: str) -> list[Any]:
    found: list[Any] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.append((tag, sorted(attrs, key=str)))

        def handle_data(self, data: str) -> None:
            if data.strip():
                found.append(data.strip())

    Reader().feed(html)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/app/sales", "/app/what-if"])
def test_a_page_renders_no_template_for_each_referrer(cast: Cast, path: str) -> None:
    vera = client(cast.vera)
    vera.get(path)
    add_referrers(cast.alpha, 3)
    with rendered() as few:
        vera.get(path)
    add_referrers(cast.alpha, 40)
    with rendered() as many:
        page = vera.get(path).content.decode()
    assert page.count("ref_P") >= 43
    assert len(many) == len(few)


def add_referrers(account: UserAccount, number: int) -> None:
    for n in range(number):
        Referrer.objects.create(user_account=account, code=f"ref_P{number}x{n}")


@contextmanager
def rendered() -> Iterator[list[Any]]:
    templates: list[Any] = []

    def note(sender: Any, template: Any, **_more: Any) -> None:
        templates.append(template.name)

    template_rendered.connect(note)
    try:
        yield templates
    finally:
        template_rendered.disconnect(note)
