"""What a page that asks “Delete?” has to say beside what Django says, which names only what goes along."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.db.models import SET_NULL, ManyToOneRel, Model
from django.utils.text import capfirst

register = template.Library()


@register.inclusion_tag("admin/leads/left_behind.html")
def left_behind(rows: Model | Iterable[Model]) -> dict[str, list[tuple[str, int]]]:
    """Of each kind of rows that refer to these and stay without them: its name and their number."""
    chosen = [rows] if isinstance(rows, Model) else list(rows)
    relations = chosen[0]._meta.related_objects if chosen else ()
    counted = [
        (str(capfirst(relation.related_model._meta.verbose_name_plural)), _referring(relation, chosen))
        for relation in relations
        if isinstance(relation, ManyToOneRel) and relation.on_delete is SET_NULL
    ]
    return {"kinds": [(name, number) for name, number in counted if number]}


def _referring(relation: ManyToOneRel, rows: list[Model]) -> int:
    return int(relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": rows}).count())
