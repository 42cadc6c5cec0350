"""What the search box of a list can mean: each thing is looked up by its own index."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest

from leads.admin import tenancy
from leads.ids import id_in
from leads.phones import normalise_phone


def people_and_deals(request: HttpRequest, term: str, *, name: str, phone: str, deal: str) -> Q:
    """A phone in the spelling of any of the visitor's accounts' regions, a deal's id, the beginning of a name.

    :param name, phone, deal: the columns in which these stand.
    """
    found = Q(**{f"{name}__startswith": term}) | Q(**{f"{name}__startswith": term[:1].upper() + term[1:]})
    deal_id = id_in(term)
    if deal_id is not None:
        found |= Q(**{deal: deal_id})
    phones = phones_meant(request, term)
    return found | Q(**{f"{phone}__in": phones}) if phones else found


def phones_meant(request: HttpRequest, term: str) -> set[str]:
    """The numbers that this is in the regions of the visitor's accounts."""
    regions = set(tenancy.accounts_of(request).order_by().values_list("phone_region", flat=True).distinct()[:20])
    return {phone for region in regions if (phone := normalise_phone(term, region))}
