"""`/app/spend/upload`: spend from a file or pasted rows: looked at first, then stored, whole or not at all."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from analytics.models import Targetologist
from analytics.pages.spend import TEMPLATE
from analytics.pages.spend_preview import Preview, preview_of
from analytics.spend.checking import NEEDED, SpendRow, check_spend
from analytics.spend.reading import Unreadable, rows_of_csv
from analytics.spend.store import store_spend
from analytics.spend.uploads import Checked
from leads.access import account_of, account_rows, page
from leads.models import Creative, Direction, Role, UserAccount
from leads.pages.rendering import render_page

MAX_BYTES = 5 * 1024 * 1024
KEPT_SECONDS = 24 * 3600
# As many as a person can look through; more are found by the API.
SHOWN_NAMES = 200


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


def too_large() -> str:
    limit = MAX_BYTES // 1024 // 1024
    return _("This is more than %(n)s MB: send it in parts, or through the API.") % {"n": limit}


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.STAFF)
def spend_upload(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST of rows: what they mean, and a button. POST of that button: stored."""
    if request.method == "POST" and "checked" in request.POST:
        return _store(request)
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    preview = None
    if form.is_bound and form.is_valid():
        try:
            preview = _look_at(account_of(request), form.content())
        except Unreadable as error:
            form.add_error(None, str(error))
    return _show(request, form, preview)


def _store(request: HttpRequest) -> HttpResponse:
    """What was looked at, and nothing else: it comes back signed. Checked anew, since things may be gone by now."""
    account = account_of(request)
    try:
        content = _opened(account, request.POST["checked"])
    except signing.BadSignature:
        messages.error(request, _("Too much time has passed. Upload the rows again."))
        return redirect("page-spend-upload")
    checked = _checked(account, content)
    if checked.bad:
        messages.error(request, _("Things have changed since you looked. Nothing was stored."))
        return _show(request, UploadForm(), preview_of(account, checked, ""))
    stored = store_spend(account, checked.rows)
    rows = stored.created + stored.updated
    text = ngettext("%(n)s row stored", "%(n)s rows stored", rows) % {"n": rows}
    if stored.updated:
        text = _("%(stored)s, %(updated)s of them instead of earlier ones") % {
            "stored": text,
            "updated": stored.updated,
        }
    messages.success(request, f"{text}.")
    return redirect("page-spend")


def _look_at(account: UserAccount, content: bytes) -> Preview:
    checked = _checked(account, content)
    token = "" if checked.bad else _sealed(account, content)
    return preview_of(account, checked, token)


def _checked(account: UserAccount, content: bytes) -> Checked[SpendRow]:
    return check_spend(account, rows_of_csv(content, NEEDED))


# --- What is looked at travels with the page, so that nothing has to be kept for who never comes back ---


def _sealed(account: UserAccount, content: bytes) -> str:
    token = signing.dumps(content.decode("latin-1"), salt=_salt(account), compress=True)
    if len(token) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or len(token)) * 0.9:
        raise Unreadable(_("These are too many rows for one page: send them in parts, or through the API."))
    return token


def _opened(account: UserAccount, token: str) -> bytes:
    content: str = signing.loads(token, salt=_salt(account), max_age=KEPT_SECONDS)
    return content.encode("latin-1")


def _salt(account: UserAccount) -> str:
    return f"spend-upload:{account.pk}"


def _show(request: HttpRequest, form: UploadForm, preview: Preview | None) -> HttpResponse:
    context = {
        "form": form,
        "preview": preview,
        "columns": TEMPLATE,
        "creatives": account_rows(Creative, request).order_by("-pk")[:SHOWN_NAMES],
        "directions": account_rows(Direction, request).order_by("-pk")[:SHOWN_NAMES],
        "targetologists": account_rows(Targetologist, request)[:SHOWN_NAMES],
    }
    has_failed = bool(form.errors) or (preview is not None and bool(preview.bad))
    return render_page(request, "pages/spend_upload.html", context, status=400 if has_failed else 200)
