"""The clinic of the demo: what it sells, its pipelines, who advertises it and who recommends it."""

from __future__ import annotations

from dataclasses import dataclass

from leads.news import LOST_STATUS_ID, WON_STATUS_ID


@dataclass(frozen=True, slots=True)
class Direction:
    """`price`: of a sale, lowest and highest, in the account's currency. `lead_cost`: what advertising pays for one
    lead. `appeal`: its share of all leads. `odds`: how much likelier than on average its leads buy."""

    name: str
    price: tuple[int, int]
    lead_cost: int
    appeal: float
    odds: float
    creatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """`network`, `medium`: utm_source and utm_medium. The name holds a pattern of the targetologist who runs it.

    `currency`: in which the ad account is billed.
    """

    name: str
    network: str
    medium: str
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """`odds`: of those who stand here, how many go on. `hours`: how long they stand, typically."""

    status_id: int
    name: str
    color: str
    odds: float = 0.0
    hours: float = 0.0
    is_qualified: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    pipeline_id: int
    name: str
    stages: tuple[Stage, ...]


# The first creative of four directions has the ad id that deals of the sandbox name in utm_content.
DIRECTIONS = (
    Direction("Имплантация", (150_000, 560_000), 21_000, 1.25, 1.0, (
        "Reels: до и после", "Врач отвечает на вопросы", "Карусель: пять мифов", "Отзыв: «снова смеюсь»",
        "Сторис: имплант за день", "Видео: как ставят имплант", "Баннер: рассрочка 0-0-24", "Квиз: сколько стоит",
    )),
    Direction("Виниры", (190_000, 680_000), 18_500, 1.1, 0.9, (
        "Карусель: три шага", "Reels: примерка улыбки", "TikTok: реакция мужа", "До и после: 10 виниров",
        "Сторис: скидка недели", "Видео: виниры и коронки", "Баннер: улыбка к свадьбе",
    )),
    Direction("Брекеты", (130_000, 360_000), 13_500, 1.0, 1.0, (
        "Сторис с врачом", "Reels: год за минуту", "Карусель: виды брекетов", "Отзыв мамы подростка",
        "TikTok: первый день", "Баннер: бесплатный снимок",
    )),
    Direction("Отбеливание", (29_000, 75_000), 6_200, 1.2, 1.35, (
        "TikTok: день в клинике", "Reels: шесть тонов за час", "Сторис: сертификат", "Карусель: мифы об эмали",
        "Баннер: минус 30 %", "Видео: кофе и зубы",
    )),
    Direction("Протезирование", (100_000, 420_000), 15_500, 0.75, 0.95, (
        "Видео: протез без нёба", "Карусель: что выбрать", "Отзыв: «ем яблоки»", "Reels: лаборатория",
        "Баннер: для пенсионеров", "Квиз: подберём протез", "Сторис: гарантия пять лет",
    )),
    Direction("Детская стоматология", (14_000, 62_000), 5_200, 0.9, 1.5, (
        "Reels: не страшно", "Сторис: мультик в кресле", "Карусель: первый визит", "Видео: серебрить или лечить",
        "TikTok: храбрый Алихан", "Баннер: осмотр 0 ₸",
    )),
)  # fmt: skip
SANDBOX_ADS = {
    "Reels: до и после": "reels_01",
    "Карусель: три шага": "carousel_3",
    "Сторис с врачом": "story_video",
    "TikTok: день в клинике": "tt_short_7",
}

USD = "USD"
CAMPAIGNS = (
    Campaign("kenesary_tripwire_nov", "ig", "cpc"),
    Campaign("nutcab_smile_almaty", "ig", "cpc"),
    Campaign("kenji_reels_broad", "fb", "cpc"),
    Campaign("arystan_lookalike_almaty", "fb", "cpc"),
    Campaign("arystan_retarget_30d", "ig", "cpc"),
    Campaign("onai_запуск_осень", "ig", "stories"),
    Campaign("muha_yourmarketolog", "tiktok", "cpc"),
    Campaign("muha_shorts_family", "tiktok", "cpc"),
    Campaign("pb_agency_video", "youtube", "cpc", USD),
    Campaign("alex_quiz_proftest", "fb", "cpc", USD),
)
# Ads without creatives of their own: their spend is told by campaign.
SEARCH = (
    Campaign("traf4_search_brand", "google", "cpc"),
    Campaign("traf4_search_implant", "google", "cpc"),
    Campaign("traf4_direct_almaty", "yandex", "cpc"),
)
# Whom no pattern knows: their sales wait for somebody to be credited.
ORGANIC = (
    Campaign("", "2gis", "organic"),
    Campaign("", "instagram_profile", "organic"),
    Campaign("blogger_aliya", "ig", "integration"),
    Campaign("", "", ""),
)

# As in the sandbox that `make run` starts, to the very ids: connecting it goes on where the year ends.
MAIN = Pipeline(7000003, "Клиника — заявки", (
    Stage(58000011, "Неразобранное", "#c1c1c1"),
    Stage(58000013, "Новая заявка", "#99ccff", 0.86, 0.4),
    Stage(58000015, "Взяли в работу", "#ffff99", 0.66, 5),
    Stage(58000017, "Дозвонились", "#ffcc66", 0.52, 26),
    Stage(58000019, "Записан на консультацию", "#ffcccc", 0.70, 70, is_qualified=True),
    Stage(58000021, "Пришёл", "#ccccff", 0.55, 30, is_qualified=True),
    Stage(58000023, "Ждём оплату", "#ccff66", 0.74, 52, is_qualified=True),
))  # fmt: skip
PARTNERS = Pipeline(7000005, "Партнёры и рефералы", (
    Stage(58000025, "Неразобранное", "#c1c1c1"),
    Stage(58000027, "Заявка партнёра", "#99ccff", 0.94, 2),
    Stage(58000029, "Связались", "#ffff99", 0.82, 20),
    Stage(58000031, "Встреча назначена", "#ffcc66", 0.74, 60, is_qualified=True),
    Stage(58000033, "Предложение отправлено", "#ffcccc", 0.72, 48, is_qualified=True),
    Stage(58000035, "Договор", "#ccccff", 0.80, 60, is_qualified=True),
))  # fmt: skip
PIPELINES = (MAIN, PARTNERS)
CLOSED = (
    Stage(WON_STATUS_ID, "Успешно реализовано", "#CCFF66"),
    Stage(LOST_STATUS_ID, "Закрыто и не реализовано", "#D5D8DB"),
)

# Code, name, their own rate (None: the account's), how many they bring compared with others.
REFERRERS: tuple[tuple[str, str, str | None, float], ...] = (
    ("ref_AIGERIM", "Айгерим Ахметова", None, 3.0),
    ("ref_nurlan", "Нурлан Сериков", None, 2.2),
    ("ref_DANA", "Дана Есенова", "0.1200", 2.0),
    ("ref_FITLAB", "Фитнес-клуб FitLab", "0.0700", 1.8),
    ("ref_TIMUR", "Тимур Абдрахманов", None, 1.4),
    ("ref_salon_gulnara", "Салон «Гульнара»", "0.0800", 1.3),
    ("ref_OLGA", "Ольга Ким", None, 1.1),
    ("ref_KIDSCLUB", "Детский клуб «Балапан»", "0.0500", 1.0),
    ("ref_marina", "Марина Цой", None, 0.9),
    ("ref_ARMAN", "Арман Есенов", None, 0.8),
    ("ref_yoga", "Студия «Шанти»", "0.0700", 0.7),
    ("ref_ZHANNA", "Жанна Тулегенова", None, 0.6),
    ("ref_igor", "Игорь Пак", None, 0.5),
    ("ref_SAULE", "Сауле Кенжебаева", "0.1500", 0.4),
    ("ref_ruslan", "Руслан Исмаилов", None, 0.3),
)
