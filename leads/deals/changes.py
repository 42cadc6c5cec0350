"""What applying news changed: handed on to whoever counts money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from leads.models import Lead
from leads.news import WON_STATUS_ID


@dataclass(frozen=True, slots=True)
class DealState:
    """The part of a lead that the rest of the house reacts to."""

    lead_id: int | None
    pipeline_id: int | None
    status_id: int | None
    price: Decimal | None
    is_deleted: bool
    is_qualified: bool
    utm: tuple[str, ...]

    @property
    def is_won(self) -> bool:
        return self.status_id == WON_STATUS_ID

    @classmethod
    def of(cls, lead: Lead) -> DealState:
        return cls(
            lead.pk,
            lead.current_pipeline_id,
            lead.current_status_id,
            lead.price,
            lead.is_deleted,
            lead.is_qualified,
            (lead.utm_source, lead.utm_medium, lead.utm_campaign, lead.utm_content, lead.utm_term),
        )


@dataclass(frozen=True, slots=True)
class LeadChange:
    """One deal before and after; `before` None: it was not known. `is_news`: anything at all changed."""

    deal_id: int
    lead_id: int
    before: DealState | None
    after: DealState

    @property
    def is_news(self) -> bool:
        return self.before != self.after
