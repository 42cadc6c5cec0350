"""Invented people, each with a mobile number of their own and somebody's way of writing it."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_CONTACT_ID = 900_000_001
WOMEN = (
    "Айгерим", "Динара", "Мадина", "Ольга", "Жанна", "Светлана", "Гульнара", "Асель", "Наталья", "Сауле", "Айдана",
    "Марина", "Камила", "Алия", "Юлия", "Дана", "Анна", "Зарина", "Екатерина", "Томирис",
)  # fmt: skip
MEN = (
    "Нурлан", "Ерлан", "Алексей", "Тимур", "Бекзат", "Арман", "Дмитрий", "Канат", "Руслан", "Игорь", "Данияр", "Ержан",
    "Виктор", "Санжар", "Алихан", "Сергей", "Максат", "Олжас", "Андрей", "Бауыржан",
)  # fmt: skip
# For women with an “а” at the end.
SURNAMES = (
    "Ахметов", "Сериков", "Оспанов", "Жумабеков", "Касымов", "Петров", "Абдрахманов", "Тулегенов", "Нургалиев",
    "Смирнов", "Есенов", "Байжанов", "Волков", "Мукашев", "Сулейменов", "Исмаилов", "Кенжебаев", "Рахимов", "Омаров",
    "Бектуров", "Сагынбаев", "Турсунов", "Дюсенбаев", "Морозов", "Нурланов", "Искаков", "Калиев", "Иванов",
)  # fmt: skip
# Codes that no phone of the sandbox has: a person of the year is never taken for one of its clients.
CODES = ("700", "708", "771", "776")
SPELLINGS = (
    "+7 {code} {a} {b} {c}", "8 {code} {a} {b} {c}", "8{code}{a}{b}{c}", "+7{code}{a}{b}{c}", "8 ({code}) {a}-{b}-{c}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """`typed`: the phone as they once wrote it."""

    number: int
    name: str
    e164: str
    typed: str

    @property
    def shown(self) -> str:
        """`+7 700 234 5678`, as pages write phones."""
        return f"{self.e164[:2]} {self.e164[2:5]} {self.e164[5:8]} {self.e164[8:]}"

    @property
    def contact_id(self) -> int:
        return FIRST_CONTACT_ID + 2 * self.number


def person(number: int, dice: random.Random) -> Person:
    """The `number`-th person, counted from 0."""
    is_woman = dice.random() < 0.62
    surname = dice.choice(SURNAMES) + ("а" if is_woman else "")
    # 7919 is prime, so no two people have the same number.
    code, digits = CODES[number % len(CODES)], f"{(number * 7919 + 2_345_678) % 10**7:07}"
    parts = {"code": code, "a": digits[:3], "b": digits[3:5], "c": digits[5:]}
    return Person(
        number,
        f"{dice.choice(WOMEN if is_woman else MEN)} {surname}",
        f"+7{code}{digits}",
        dice.choice(SPELLINGS).format(**parts),
    )
