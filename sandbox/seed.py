"""Data to begin with: a believable demo account, or very many deals at once. Both come out the same every time."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager

from .crm.account import CrmAccount
from .crm.models import LOST_STATUS_ID, WON_STATUS_ID, Contact, Deal
from .sandbox import Sandbox

DAY = 86_400
NAMES = (
    "Айгерим Ахметова", "Нурлан Сериков", "Динара Оспанова", "Ерлан Жумабеков", "Мадина Касымова", "Алексей Петров",
    "Ольга Ким", "Тимур Абдрахманов", "Жанна Тулегенова", "Бекзат Нургалиев", "Светлана Смирнова", "Арман Есенов",
    "Гульнара Байжанова", "Дмитрий Волков", "Асель Мукашева", "Канат Сулейменов", "Наталья Ли", "Руслан Исмаилов",
    "Сауле Кенжебаева", "Игорь Пак", "Айдана Рахимова", "Данияр Омаров", "Марина Цой", "Ержан Бектуров",
    "Камила Сагынбаева", "Виктор Шевченко", "Алия Турсунова", "Санжар Дүйсенбаев", "Юлия Морозова", "Әлия Нұрланова",
)  # fmt: skip
PRODUCTS = ("Имплантация", "Виниры", "Брекеты", "Отбеливание", "Протезирование", "Консультация", "Чистка")
CAMPAIGNS = (
    ("ig", "cpc", "kenesary_tripwire_nov", "reels_01"), ("fb", "cpc", "arystan_lookalike_almaty", "carousel_3"),
    ("ig", "stories", "onai_запуск_осень", "story_video"), ("google", "cpc", "traf4_search_brand", "text_a"),
    ("tiktok", "cpc", "muha_yourmarketolog", "tt_short_7"), ("ref_AIGERIM", "referral", "", ""),
    ("ref_nurlan", "referral", "", ""), ("yandex", "organic", "", ""), ("", "", "", ""),
)  # fmt: skip
SPELLINGS = (
    "+7 ({code}) {a}-{b}-{c}", "8 {code} {a} {b} {c}", "8{code}{a}{b}{c}", "+7{code}{a}{b}{c}", "7{code}{a}{b}{c}",
    "8-{code}-{a}-{b}-{c}", "({code}) {a}-{b}-{c}", "+7 {code} {a}{b}{c}",
)  # fmt: skip
CODES = ("701", "702", "705", "707", "747", "775", "777", "778")
MAIN_STAGES = ("Новая заявка", "Взяли в работу", "Дозвонились", "Записан на консультацию", "Пришёл", "Ждём оплату")
SECOND_STAGES = ("Заявка партнёра", "Связались", "Встреча назначена", "Предложение отправлено", "Договор")
TAGS = ("instagram", "VIP", "повторный", "сайт", "whatsapp", "рассрочка")


def phone_spelt(dice: random.Random) -> str:
    """A Kazakh mobile number, written as somebody would."""
    number = {
        "code": dice.choice(CODES), "a": f"{dice.randrange(1000):03}", "b": f"{dice.randrange(100):02}",
        "c": f"{dice.randrange(100):02}",
    }  # fmt: skip
    return dice.choice(SPELLINGS).format(**number)


def seed_demo(crm: Sandbox) -> None:
    """Fill the account `demo` with two pipelines and forty deals of the last four weeks. No hooks."""
    dice = random.Random(2026)
    account = crm.demo
    account.profile.name = "Клиника «Demo»"
    account.pipelines.by_id.clear()
    pipelines = [
        account.pipelines.add("Клиника — заявки", MAIN_STAGES),
        account.pipelines.add("Партнёры и рефералы", SECOND_STAGES),
    ]
    today = crm.clock.now()
    for number in range(40):
        source, medium, campaign, content = dice.choice(CAMPAIGNS)
        is_referral = source.startswith("ref_")
        pipeline = pipelines[1 if is_referral or dice.random() < 0.15 else 0]
        stages = [stage.id for stage in pipeline.stages if stage.type == 0 and stage.is_editable]
        created = today - dice.randrange(1, 28) * DAY + dice.randrange(DAY) - DAY
        product = dice.choice(PRODUCTS)
        utm = {"source": source, "medium": medium, "campaign": campaign, "content": content}
        name = dice.choice(NAMES)
        deal = account.deals.create(
            f"{product}: {name.split()[0]}", price=dice.randrange(3, 60) * 10_000 if dice.random() < 0.8 else 0,
            pipeline_id=pipeline.id, status_id=stages[0], contact_name=name,
            phone=phone_spelt(dice) if number % 13 else None, utm={key: text for key, text in utm.items() if text},
            tags=dice.sample(TAGS, dice.randrange(3)), created_at=created, silent=True,
        )  # fmt: skip
        _walk(account, deal, [*stages[1:], WON_STATUS_ID], dice, created, today)


def _walk(
    account: CrmAccount, deal: Deal, stages: list[int], dice: random.Random, created: int, today: int
) -> None:  # fmt: skip
    """Let a deal go some steps through its pipeline, at believable times."""
    at = created
    for stage in stages[: dice.randrange(len(stages) + 1)]:
        at += dice.randrange(3600, 2 * DAY)
        if at >= today:
            return
        account.deals.move(deal.id, stage, deal.pipeline_id, at=at, silent=True)
    lost_at = at + dice.randrange(3600, DAY)
    if deal.status_id != WON_STATUS_ID and dice.random() < 0.15 and lost_at < today:
        reason = dice.choice(list(account.loss_reasons))
        account.deals.lose(deal.id, reason, at=lost_at, silent=True)


def seed_bulk(
    account: CrmAccount, deals: int, *, seed: int = 1, days: int = 365, with_events: bool = False
) -> list[int]:
    """Put `deals` deals with a contact each into the account at once and return their ids. No hooks.

    Times are spread evenly over the `days` before now, so that ids and `updated_at` ascend together. With events
    each deal has its `lead_added`, and a `lead_status_changed` if it left the first stage.
    """
    dice = random.Random(seed)
    with account.lock, _collector_paused():
        pipeline = account.pipelines.main
        stages = [stage.id for stage in pipeline.stages if stage.type == 0]
        start = account.clock.now() - days * DAY
        made = []
        for number in range(deals):
            created = start + number * days * DAY // max(deals, 1)
            contact = _bulk_contact(account, dice, number, created)
            source, medium, campaign, content = CAMPAIGNS[number % len(CAMPAIGNS)]
            codes = {"UTM_SOURCE": source, "UTM_MEDIUM": medium, "UTM_CAMPAIGN": campaign, "UTM_CONTENT": content}
            status_id = stages[dice.randrange(len(stages))]
            deal = Deal(
                account.ids.take("lead"), f"Сделка {number + 1}", dice.randrange(1, 100) * 10_000, pipeline.id,
                status_id, account.user_id, account.user_id, account.user_id, created, created,
                closed_at=created if status_id in (WON_STATUS_ID, LOST_STATUS_ID) else None,
                values=account.deals.fields.plain({code: text for code, text in codes.items() if text}),
                contact_ids=[contact.id],
            )  # fmt: skip
            account.deals.enter(deal)
            made.append(deal.id)
            if with_events:
                note = [{"note": {"id": account.ids.take("note")}}]
                account.history.add("lead_added", "lead", deal.id, by=deal.created_by, at=created, after=note)
                if status_id != stages[0]:
                    before, after = (pipeline.id, stages[0]), (pipeline.id, status_id)
                    account.history.stage_changed(deal.id, before, after, by=deal.created_by, at=created)
        return made


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nothing of what is made here is garbage, and looking for some would take as long as making it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _bulk_contact(account: CrmAccount, dice: random.Random, number: int, created: int) -> Contact:
    name = NAMES[number % len(NAMES)]
    contact = Contact(
        account.ids.take("contact"), "contact", name, account.user_id, account.user_id, account.user_id, created,
        created, values=account.contacts.fields.plain({"PHONE": phone_spelt(dice)}),
    )  # fmt: skip
    account.contacts.put(contact)
    return contact
