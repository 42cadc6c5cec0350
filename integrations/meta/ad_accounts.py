"""Ad accounts as people name them."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.meta.tasks import pull_meta
from integrations.models import MetaAdAccount
from integrations.waking import wake

_ID = re.compile(r"\bact[_=](\d{1,30})\b")


def act_id_typed(text: str) -> str:
    """`123` out of itself, `act_123` or Ads Manager's address (`…?act=123&…`); what holds no id stays as it is."""
    found = _ID.search(text)
    return found[1] if found else text.strip()


def token_typed(text: str) -> str:
    """:raises ValidationError: it cannot be a token."""
    token = text.strip()
    if len(token.split()) > 1 or not token.isascii():
        raise ValidationError(_("A token is one word of Latin letters, digits and signs."))
    return token


def read_now(ad_account: MetaAdAccount) -> None:
    """Make the ad account due and wake a worker. The pauses after a problem begin anew."""
    MetaAdAccount.objects.filter(pk=ad_account.pk).update(next_pull_at=timezone.now(), failures=0)
    wake(pull_meta, ad_account.pk)
