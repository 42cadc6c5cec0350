"""The account's signed hook addresses, with what to do with each in amoCRM."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.intake.signature import hook_url
from integrations.models import Hook
from leads.models import UserAccount

Text = str | Promise

_BY_HAND: tuple[Text, ...] = (
    _("Leads → choose the pipeline → Automate (Digital Pipeline)."),
    _("Under the stages that matter, add a trigger “API: Send webhook”. At least under “won” and “lost”."),
    _("Paste the address, let it run “when moved to this stage”, save."),
    _("Move a deal: its delivery appears on the dashboard within seconds."),
)


@dataclass(frozen=True, slots=True)
class HookAddress:
    title: Text
    what: Text
    url: str
    steps: tuple[Text, ...]


def hook_addresses(account: UserAccount) -> list[HookAddress]:
    return [
        HookAddress(
            _("All deals"),
            _("Registered by itself when you connect. Stages, prices and both kinds of sales."),
            hook_url(account, Hook.AMOCRM),
            (
                _("Nothing, when the hook is shown as registered."),
                _("By hand: amoMarket → ⋯ → WebHooks → Add hook, and paste the address."),
                _("Tick all events of deals (added, changed, stage changed, deleted, restored) and of contacts."),
            ),
        ),
        HookAddress(
            _("Traffic"),
            _("For a pipeline of paid traffic: the sale is the targetologist's, and no referral is paid for it."),
            hook_url(account, Hook.TRAFFIC),
            _BY_HAND,
        ),
        HookAddress(
            _("Referral"),
            _("For a pipeline of recommendations: the sale is the referrer's whose code stands in utm_source."),
            hook_url(account, Hook.REFERRAL),
            _BY_HAND,
        ),
    ]
