"""What a delivery is answered, by whichever door it came."""

from __future__ import annotations

import json
from dataclasses import dataclass

MAX_BODY_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body of JSON."""

    status: int
    body: bytes


def stored(delivery_id: int) -> Answer:
    return Answer(200, b'{"success": true, "delivery_id": %d}' % delivery_id)


def _told(status: int, detail: str) -> Answer:
    return Answer(status, json.dumps({"detail": detail}).encode())


REFUSED = _told(
    403, "This address is not signed for this account and hook. Copy the current one from the connection page."
)
ONLY_POST = _told(405, "Deliveries are posted here. To see whether the address is alive, GET …/test.")
TOO_LARGE = _told(413, "The body is larger than 10 MB and was not stored.")
FAILED = _told(500, "Something went wrong here. It has been logged.")
NOT_STORED = _told(503, "The delivery could not be stored. Send it again.")
