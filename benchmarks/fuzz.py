"""`python -m benchmarks.fuzz [--bodies 1000000] [--seed 1]`: real hooks, broken at random, through the readers of
bodies and phones. None may raise, and what is read must fit the database. Ends non-zero at the first that does not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import django

SAMPLES = Path(__file__).parent.parent / "integrations" / "tests" / "samples"
TYPES = ("application/x-www-form-urlencoded", "application/json", "text/plain; charset=x", "")
PIECES = (
    *(b"[", b"]", b"[]", b"[0]", b"%5B", b"%00", b"\x00", b"%", b"%ff", b"\xff\xfe", b"&", b"=", b"&&", b"+", b";"),
    *(b"{", b"}", b'"', b"\\ud800", b"\\u0000", b"NaN", b"Infinity", b"-1", b"9" * 25, b"1e999", b"null", b"&amp;"),
    *(b"leads[add]", b"[id]", b"contacts[update]", b"account[id]", b"unsorted[delete]", b"PHONE", b"8 701 123 45 67"),
    *("﹢7（701）١٢٣".encode(), b"+7" * 50, b"ext. 5", b"@s.whatsapp.net", b"\r\n", b"\xe2\x80\xae"),
)


def broken(body: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The body after a few cuts, repeats, swaps of bytes, splices of another body and pieces put in."""
    for _step in range(chance.randint(1, 6)):
        start, end = sorted((chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)))
        match chance.randrange(5):
            case 0:
                body = body[:start] + body[end:]
            case 1:
                body = body[:end] + body[start:end] * chance.randint(1, 3) + body[end:]
            case 2:
                body = body[:start] + bytes([chance.randrange(256)]) + body[start + 1 :]
            case 3:
                body = body[:start] + chance.choice(others)[:200] + body[end:]
            case _:
                body = body[:start] + chance.choice(PIECES) * chance.choice((1, 1, 1, 30)) + body[start:]
        body = body[:20_000]
    return body


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--bodies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    began = time.monotonic()
    for number in range(asked.bodies):
        one(asked.seed, number)
        if number % 50_000 == 0:
            print(f"{number:,} bodies, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"{asked.bodies:,} bodies and as many phones from seed {asked.seed}: none raised.")
    return 0


BODIES = [path.read_bytes() for path in sorted(SAMPLES.iterdir())]


def one(seed: int, number: int) -> None:
    """Body and phone of this number. Whatever they raise names the seed and the number, by which it comes again."""
    from integrations.amocrm.payloads import parse_delivery
    from leads.phones import phones_in

    chance = random.Random(f"{seed}:{number}")
    body = broken(chance.choice(BODIES)[:3_000], chance, BODIES)
    text = broken(chance.choice(PIECES), chance, PIECES).decode("utf-8", "surrogateescape")
    try:
        data = parse_delivery(body, chance.choice(TYPES)).data
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
        for phone in phones_in(text[:500], chance.choice(("KZ", "RU", "US", "xx", ""))):
            if not phone.e164.startswith("+"):
                raise ValueError(phone)
    except Exception as error:
        error.add_note(f"seed {seed}, number {number}: {body[:200]!r}, {text[:200]!r}")
        raise


if __name__ == "__main__":
    sys.exit(main())
