"""What a delivery is answered, by whichever door it came: refusals in the language of whoever asks."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MAX_BODY_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body of JSON, or what its `detail` says."""

    status: int
    says: bytes | Promise

    @property
    def body(self) -> bytes:
        if isinstance(self.says, bytes):
            return self.says
        return json.dumps({"detail": str(self.says)}, ensure_ascii=False).encode()


def stored(delivery_id: int) -> Answer:
    return Answer(200, b'{"success": true, "delivery_id": %d}' % delivery_id)


REFUSED = Answer(
    403, _("This address is not signed for this account and hook. Copy the current one from the connection page.")
)
ONLY_POST = Answer(405, _("Deliveries are posted here. To see whether the address is alive, GET …/test."))
TOO_LARGE = Answer(413, _("The body is larger than 10 MB and was not stored."))
FAILED = Answer(500, _("Something went wrong here. It has been logged."))
NOT_STORED = Answer(503, _("The delivery could not be stored. Send it again."))
