"""Rows from a file or pasted: looked at first, then stored, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics.csv_rows import Unreadable
from analytics.spend.reading import RawRow, rows_of_csv
from analytics.spend.uploads import BadRow, Checked, Stored
from leads.access import account_of
from leads.amounts import number
from leads.models import UserAccount
from leads.pages.rendering import render_page

MAX_BYTES = 5 * 1024 * 1024
KEPT_SECONDS = 24 * 3600
SHOWN_ROWS = 20
SHOWN_BAD = 100
T = TypeVar("T")


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("A CSV file"),
        required=False,
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    text = forms.CharField(
        label=gettext_lazy("or rows pasted from a spreadsheet"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 8, "spellcheck": "false", "wrap": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        file, text = self.cleaned_data.get("file"), self.cleaned_data.get("text") or ""
        if bool(file) == bool(text.strip()) and not self.errors:
            raise forms.ValidationError(_("Choose a file or paste rows, one of the two."))
        if file and file.size > MAX_BYTES:
            self.add_error("file", too_large())
        return self.cleaned_data

    def content(self) -> bytes:
        file = self.cleaned_data.get("file")
        content: bytes = file.read() if file else self.cleaned_data["text"].encode()
        return content


def _with_iso_day(row: RawRow) -> RawRow:
    """As the API has it: where days are written so, a spreadsheet turns 2026-03-31 that was typed into 31.03.2026."""
    try:
        day = datetime.strptime(str(row.cells.get("day")).strip(), "%d.%m.%Y").date()  # noqa: DTZ007 - a day
    except ValueError:
        return row
    return replace(row, cells={**row.cells, "day": day.isoformat()})


def too_large() -> str:
    limit = MAX_BYTES // 1024 // 1024
    return _("This is more than %(n)s MB: send it in parts, or through the API.") % {"n": limit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What uploaded rows would do, before they do it. `replaced`: of the good rows those that are stored already;
    `rows`: the first of them, as they are shown. `token`: what confirms exactly these rows, empty when one is bad and
    so none can be stored."""

    checked: Checked[Any]
    token: str
    replaced: int
    rows: Sequence[object]

    @property
    def count(self) -> int:
        return len(self.checked.rows)

    @property
    def is_cut(self) -> bool:
        return self.count > len(self.rows)

    @property
    def bad(self) -> Sequence[BadRow]:
        return self.checked.bad[:SHOWN_BAD]

    @property
    def bad_count(self) -> int:
        return len(self.checked.bad)


@dataclass(frozen=True, slots=True)
class Upload(Generic[T]):
    """One kind of rows that is uploaded. `preview` gets the token; `page` and `after` name the upload's own page and
    where who has stored goes."""

    page: str
    after: str
    template: str
    needed: Sequence[str]
    check: Callable[[UserAccount, Iterable[RawRow]], Checked[T]]
    store: Callable[[UserAccount, Sequence[T]], Stored]
    preview: Callable[[UserAccount, Checked[T], str], Preview]
    context: Callable[[HttpRequest], dict[str, Any]]

    def answer(self, request: HttpRequest) -> HttpResponse:
        """GET: the form. POST of rows: what they mean, and a button. POST of that button: stored."""
        if request.method == "POST" and "checked" in request.POST:
            return self._store(request)
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        if form.is_bound and form.is_valid():
            account, content = account_of(request), form.content()
            try:
                checked = self._checked(account, content)
                token = "" if checked.bad else self._sealed(account, content)
            except Unreadable as error:
                form.add_error(None, str(error))
            else:
                return self._show(request, form, self.preview(account, checked, token), has_failed=bool(checked.bad))
        return self._show(request, form, None, has_failed=bool(form.errors))

    def _store(self, request: HttpRequest) -> HttpResponse:
        """What was looked at, and nothing else: it comes back signed. Checked anew: things may be gone by now."""
        account = account_of(request)
        try:
            content = self._opened(account, request.POST["checked"])
        except signing.BadSignature:
            messages.error(request, _("Too much time has passed. Upload the rows again."))
            return redirect(self.page)
        checked = self._checked(account, content)
        if checked.bad:
            messages.error(request, _("Things have changed since you looked. Nothing was stored."))
            return self._show(request, UploadForm(), self.preview(account, checked, ""), has_failed=True)
        messages.success(request, told_of(self.store(account, checked.rows)))
        return redirect(self.after)

    def _checked(self, account: UserAccount, content: bytes) -> Checked[T]:
        return self.check(account, map(_with_iso_day, rows_of_csv(content, self.needed)))

    def _show(
        self, request: HttpRequest, form: UploadForm, preview: Preview | None, *, has_failed: bool
    ) -> HttpResponse:
        context = {"form": form, "preview": preview, "upload": self, **self.context(request)}
        return render_page(request, self.template, context, status=400 if has_failed else 200)

    # --- What is looked at travels with the page, so that nothing has to be kept for who never comes back ---

    def _sealed(self, account: UserAccount, content: bytes) -> str:
        token = signing.dumps(content.decode("latin-1"), salt=self._salt(account), compress=True)
        if len(token) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or len(token)) * 0.9:
            raise Unreadable(_("These are too many rows for one page: send them in parts, or through the API."))
        return token

    def _opened(self, account: UserAccount, token: str) -> bytes:
        content: str = signing.loads(token, salt=self._salt(account), max_age=KEPT_SECONDS)
        return content.encode("latin-1")

    def _salt(self, account: UserAccount) -> str:
        return f"{self.page}:{account.pk}"


def told_of(stored: Stored) -> str:
    rows = stored.created + stored.updated
    text = ngettext("%(n)s row stored", "%(n)s rows stored", rows) % {"n": number(rows)}
    if stored.updated:
        values = {"stored": text, "updated": number(stored.updated)}
        text = _("%(stored)s, %(updated)s of them instead of earlier ones") % values
    return f"{capfirst(text)}."
