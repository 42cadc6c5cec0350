"""Applying news: leads, stages and history as the contract words them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import transaction
from django.utils import timezone

from leads.deals.tying import tie_deal
from leads.models import Creative, Direction, Lead, LeadSource, LeadStatusHistory, MatchMethod, PipelineStage
from leads.news import ContactSnapshot, DealSnapshot, Utm
from leads.qualification import recompute_qualified
from leads.tests.world import (
    PIPELINE,
    account,
    apply,
    at,
    contact,
    history,
    read,
    response,
    told,
    whole_state,
)

pytestmark = pytest.mark.django_db

AIDA = "+77011111111"


def test_a_deal_takes_the_row_of_the_response_with_its_contacts_phone() -> None:
    alfa = account()
    lead = response(alfa, AIDA, name="Aida")
    apply(alfa, read(5, 1, 10, contact_ids=(9,), price=Decimal(100)), contact(9, "8 701 111 11 11"))
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, lead.match_method, lead.source) == (5, "phone", "website")
    assert (lead.price, lead.current_status_id, lead.amocrm_contact_id) == (Decimal(100), 1, 9)
    assert "contact 9" in lead.match_detail
    assert "one lead had it" in lead.match_detail
    assert Lead.objects.count() == 1


def test_hearsay_of_an_unknown_deal_invents_nothing() -> None:
    alfa = account()
    assert apply(alfa, told(5, 1, 10)) == []
    assert not Lead.objects.exists()


def test_what_was_told_of_a_deal_in_the_bin_is_in_its_history_once_it_is_restored() -> None:
    alfa = account()
    apply(alfa, told(5, 1, 10))
    assert not Lead.objects.exists()
    apply(alfa, read(5, 2, 20))
    assert history(5) == [(None, 1, 10), (1, 2, 20)]


def test_a_deal_of_nobody_known_gets_a_row_so_that_the_funnel_is_whole() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10, name="Имплант"))
    lead = Lead.objects.get()
    assert (lead.source, lead.match_method, lead.name) == (LeadSource.AMOCRM, "created", "Имплант")


def test_a_repeat_purchase_inherits_creative_direction_and_utm() -> None:
    alfa = account()
    direction = Direction.objects.create(user_account=alfa, name="Имплантация")
    creative = Creative.objects.create(user_account=alfa, name="Видео 1", direction=direction)
    lead = response(alfa, AIDA, creative=creative, direction=direction, own_utm={"campaign": "spring"})
    apply(alfa, read(5, 1, 10, contact_ids=(9,)), contact(9, AIDA))
    apply(alfa, read(6, 1, 11, contact_ids=(9,)), contact(9, AIDA))
    repeat = Lead.objects.get(amocrm_lead_id=6)
    assert (repeat.match_method, repeat.origin_lead_id) == (MatchMethod.REPEAT, lead.pk)
    assert (repeat.creative, repeat.direction, repeat.utm_campaign) == (creative, direction, "spring")


@pytest.mark.parametrize("batches", [[[5, 6]], [[6], [5]], [[5], [6]]])
def test_a_repeat_inherits_from_an_origin_met_with_it_or_after_it(batches: list[list[int]]) -> None:
    alfa = account()
    creative = Creative.objects.create(user_account=alfa, name="ad-1")
    deals = {
        5: read(5, 1, 10, contact_ids=(9,), utm=Utm(source="ig", content="ad-1")),
        6: read(6, 1, 11, contact_ids=(9,)),
    }
    for batch in batches:
        apply(alfa, *(deals[deal_id] for deal_id in batch), contact(9, AIDA))
    repeat = Lead.objects.get(amocrm_lead_id=6)
    assert (repeat.match_method, repeat.creative, repeat.utm_source) == (MatchMethod.REPEAT, creative, "ig")


@pytest.mark.parametrize("met_first", [True, False])
def test_a_repeat_follows_its_origin_to_another_creative(met_first: bool) -> None:
    alfa = account()
    for name in ("ad-1", "ad-2"):
        Creative.objects.create(user_account=alfa, name=name)
    repeat = read(6, 1, 11, contact_ids=(9,))
    apply(alfa, read(5, 1, 10, contact_ids=(9,), utm=Utm(source="ig", content="ad-1")), contact(9, AIDA))
    if met_first:
        apply(alfa, repeat, contact(9, AIDA))
    changed = apply(alfa, read(5, 1, 20, contact_ids=(9,), utm=Utm(source="fb", content="ad-2")))
    if met_first:
        assert {change.deal_id for change in changed} == {5, 6}  # its sale has to follow
    else:
        apply(alfa, repeat, contact(9, AIDA))
    lead = Lead.objects.get(amocrm_lead_id=6)
    assert (lead.utm_source, lead.creative.name if lead.creative else None) == ("fb", "ad-2")


@pytest.mark.parametrize("told_when", ["before", "after", "never"])
def test_a_deal_of_before_the_one_we_made_is_a_repeat_whenever_that_is_told_of(told_when: str) -> None:
    alfa = account()
    creative = Creative.objects.create(user_account=alfa, name="ad-1")
    apply(alfa, read(5, 1, 10, contact_ids=(9,)), contact(9, AIDA))
    lead = response(alfa, AIDA, creative=creative)
    made = (read(6, 1, 11, contact_ids=(9,)), contact(9, AIDA))
    if told_when == "before":
        apply(alfa, *made)
    with transaction.atomic():
        tie_deal(alfa, lead, 6, contact_id=9, created_at=at(6), detail="made of it", now=timezone.now())
    if told_when == "after":
        apply(alfa, *made)
    earlier = Lead.objects.get(amocrm_lead_id=5)
    assert (earlier.match_method, earlier.origin_lead, earlier.creative) == (MatchMethod.REPEAT, lead, creative)


def test_an_inherited_utm_names_no_creative_whatever_else_is_told_with_it() -> None:
    alfa = account()
    Creative.objects.create(user_account=alfa, name="ad-1")
    response(alfa, AIDA, own_utm={"content": "ad-1"})
    apply(alfa, read(5, 1, 10, contact_ids=(9,)), contact(9, AIDA))
    stranger = read(7, 1, 10, utm=Utm(content="ad-1"))
    apply(alfa, read(6, 1, 11, contact_ids=(9,)), stranger, contact(9, AIDA))
    credited = Lead.objects.exclude(creative=None)
    assert [lead.amocrm_lead_id for lead in credited] == [7]


def test_the_creative_of_a_deal_met_only_in_amocrm_is_found_by_utm_content() -> None:
    alfa = account()
    by_ad = Creative.objects.create(user_account=alfa, name="B", external_ad_id="238500")
    Creative.objects.create(user_account=alfa, name="238500")
    apply(alfa, read(5, 1, 10, utm=Utm(source="ig", content="238500")))
    assert Lead.objects.get().creative == by_ad


def test_a_phone_that_comes_later_moves_the_deal_into_the_lead_it_belongs_to() -> None:
    alfa = account()
    lead = response(alfa, AIDA)
    apply(alfa, read(5, 1, 10, contact_ids=(9,)))
    apply(alfa, told(5, 2, 20))
    assert Lead.objects.count() == 2
    apply(alfa, contact(9, AIDA))
    lead.refresh_from_db()
    assert Lead.objects.count() == 1
    assert (lead.amocrm_lead_id, lead.current_status_id, lead.match_method) == (5, 2, "phone")
    assert history(5) == [(None, 1, 10), (1, 2, 20)]
    assert lead.status_history.count() == 2


def test_older_news_fills_the_history_and_leaves_the_present_alone() -> None:
    alfa = account()
    apply(alfa, read(5, 3, 30, price=Decimal(300)))
    apply(alfa, told(5, 2, 20, price=Decimal(200)))
    lead = Lead.objects.get()
    assert (lead.current_status_id, lead.price) == (3, Decimal(300))
    assert history(5) == [(None, 2, 20), (2, 3, 30)]


def test_a_stage_stays_learnt_when_it_was_whatever_is_told_afterwards() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10))
    first = LeadStatusHistory.objects.get()
    apply(alfa, read(5, 1, 10), told(5, 1, 12), read(5, 2, 20))
    same = LeadStatusHistory.objects.earliest("changed_at")
    assert (same.pk, same.learnt_at, same.webhook_data) == (first.pk, first.learnt_at, first.webhook_data)
    assert history(5) == [(None, 1, 10), (1, 2, 20)]


def test_late_news_between_two_equal_ones_brings_the_second_back() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10))
    apply(alfa, told(5, 1, 30))
    assert history(5) == [(None, 1, 10)]
    apply(alfa, told(5, 2, 20))
    assert history(5) == [(None, 1, 10), (1, 2, 20), (2, 1, 30)]


def test_a_win_told_without_its_pipeline_was_in_the_one_that_was_read() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10))
    apply(alfa, told(5, 142, 20, pipeline_id=None), read(5, 142, 20, pipeline_id=PIPELINE + 1))
    steps = LeadStatusHistory.objects.order_by("changed_at", "tie").values_list("to_pipeline_id", "to_status_id")
    assert list(steps) == [(PIPELINE, 1), (PIPELINE + 1, 142)]


def test_the_deals_own_utm_stand_above_the_responses() -> None:
    alfa = account()
    lead = response(alfa, AIDA, own_utm={"source": "site", "campaign": "a"}, utm_source="site", utm_campaign="a")
    apply(alfa, read(5, 1, 10, contact_ids=(9,)), contact(9, AIDA))
    lead.refresh_from_db()
    assert lead.utm_source == "site"
    apply(alfa, told(5, 1, 20, utm=Utm(source="ig")))
    lead.refresh_from_db()
    assert (lead.utm_source, lead.utm_campaign) == ("ig", "")


def test_deleted_and_restored() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10))
    apply(alfa, DealSnapshot(5, is_deleted=True, read_at=at(20)))
    assert Lead.objects.get().is_deleted
    apply(alfa, read(5, 1, 30))
    assert not Lead.objects.get().is_deleted


def test_a_lead_is_qualified_once_it_has_stood_in_a_marked_stage_or_was_won() -> None:
    alfa = account()
    PipelineStage.objects.create(user_account=alfa, pipeline_id=PIPELINE, status_id=2, is_qualified_stage=True)
    apply(alfa, read(5, 1, 10), read(6, 1, 10), read(7, 1, 10))
    apply(alfa, told(5, 2, 20), told(5, 3, 30), told(6, 142, 20), told(6, 1, 30), told(7, 3, 30))
    assert dict(Lead.objects.values_list("amocrm_lead_id", "is_qualified")) == {5: True, 6: True, 7: False}


def test_marking_and_unmarking_a_stage_recomputes_from_history(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    alfa = account()
    stage = PipelineStage.objects.create(user_account=alfa, pipeline_id=PIPELINE, status_id=2)
    apply(alfa, read(5, 1, 10), read(6, 3, 10))
    apply(alfa, told(5, 2, 20), told(5, 3, 30))
    stage.is_qualified_stage = True
    stage.save()
    with django_assert_num_queries(1):
        assert recompute_qualified(alfa) == 1
    assert Lead.objects.get(amocrm_lead_id=5).is_qualified
    stage.is_qualified_stage = False
    stage.save()
    assert recompute_qualified(alfa) == 1
    assert not Lead.objects.filter(is_qualified=True).exists()


def test_another_accounts_leads_are_never_matched() -> None:
    alfa, beta = account(), account(name="Beta")
    theirs = response(beta, AIDA)
    apply(alfa, read(5, 1, 10, contact_ids=(9,)), contact(9, AIDA))
    theirs.refresh_from_db()
    assert theirs.amocrm_lead_id is None
    assert Lead.objects.get(user_account=alfa).match_method == "created"


def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    alfa = account()
    apply(alfa, *(read(deal_id, 1, 10) for deal_id in range(1, 101)))
    with django_assert_max_num_queries(20):
        apply(alfa, *(told(deal_id, 2, 20) for deal_id in range(1, 101)))


@pytest.mark.parametrize("seed", range(25))
def test_any_order_and_repetition_of_the_same_news_gives_the_same_leads_and_history(seed: int) -> None:
    chance = random.Random(seed)
    phones = [AIDA, "+77022222222", "+77033333333"]
    plan: list[tuple[int, int, int, tuple[str, ...], str]] = []
    for deal_id in range(1, 6):
        known = tuple(chance.sample(phones, chance.randint(0, 2)))
        plan += [
            (deal_id, chance.choice([1, 2, 3, 142]), seconds, known, chance.choice(["", "", "ad-1", "ad-2", "other"]))
            for seconds in chance.sample(range(10, 90), chance.randint(1, 4))
        ]
    owned = [(chance.choice(phones), index) for index in range(chance.randint(0, 3))]

    def final(order: list[tuple[int, int, int, tuple[str, ...], str]]) -> object:
        owner = account()
        for name in ("ad-1", "ad-2"):
            Creative.objects.create(user_account=owner, name=name)
        for phone, index in owned:
            response(owner, phone, name=f"response {index}")
        while order:
            size = chance.randint(1, 3)
            batch, order = order[:size], order[size:]
            apply(
                owner,
                *(
                    read(
                        *(deal, stage, when),
                        contact_ids=(100 + deal,),
                        price=Decimal(when),
                        read_at=at(when),
                        utm=Utm(content=ad),
                    )
                    for deal, stage, when, _, ad in batch
                ),
                *(contact(100 + deal, *known) for deal, _, _, known, _ in batch),
            )
        return whole_state(owner)

    expected = final(list(plan))
    shuffled = plan + chance.choices(plan, k=4)
    chance.shuffle(shuffled)
    assert final(shuffled) == expected


BORIS = "+77022222222"


def test_a_second_phone_that_comes_later_finds_the_response_too() -> None:
    alfa = account()
    lead = response(alfa, BORIS, name="Aida")
    apply(alfa, read(5, 1, 10, contact_ids=(7,)), contact(7, AIDA))
    apply(alfa, contact(7, AIDA, BORIS))
    lead.refresh_from_db()
    assert lead.amocrm_lead_id == 5
    assert Lead.objects.count() == 1


@pytest.mark.parametrize("known_before", [(), (AIDA,)])
def test_a_phone_that_comes_later_finds_the_response_that_came_before_it(known_before: tuple[str, ...]) -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10, contact_ids=(7,)), contact(7, *known_before))
    lead = response(alfa, BORIS)
    apply(alfa, contact(7, *known_before, BORIS))
    assert Lead.objects.get().pk == lead.pk


def test_a_phone_that_comes_later_leaves_alone_what_came_after_the_first() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10, contact_ids=(7,)), contact(7, AIDA))
    response(alfa, AIDA)
    apply(alfa, contact(7, AIDA, BORIS))
    assert Lead.objects.get(amocrm_lead_id=5).match_method == MatchMethod.CREATED


def test_a_phone_that_comes_while_the_deal_is_in_the_bin_finds_its_response() -> None:
    alfa = account()
    lead, bare = response(alfa, AIDA), contact(7)
    apply(alfa, read(5, 1, 10, contact_ids=(7,)), bare)
    apply(alfa, read(5, 1, 20, contact_ids=(7,), is_deleted=True))
    apply(alfa, contact(7, AIDA))
    apply(alfa, read(5, 1, 30, contact_ids=(7,)))
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, lead.is_deleted) == (5, False)
    apply(alfa, read(6, 1, 40, contact_ids=(8,)), contact(8, AIDA))
    assert Lead.objects.get(amocrm_lead_id=6).origin_lead == lead


@pytest.mark.parametrize("is_tied", [False, True])
def test_a_second_phone_that_comes_later_makes_a_repeat_known(is_tied: bool) -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10, contact_ids=(7,)), contact(7, AIDA))
    if is_tied:
        Lead.objects.update(match_method=MatchMethod.MANUAL)
    apply(alfa, contact(7, AIDA, BORIS))
    apply(alfa, read(6, 1, 20, contact_ids=(8,)), contact(8, BORIS))
    assert Lead.objects.get(amocrm_lead_id=6).match_method == "repeat"


@pytest.mark.parametrize("main_phones", [(), (AIDA,)])
def test_another_contact_counts_the_same_in_one_batch_with_the_deal_as_after_it(main_phones: tuple[str, ...]) -> None:
    main, other, deal = contact(7, *main_phones), contact(8, BORIS), read(5, 1, 10, contact_ids=(7, 8))
    together, apart = account(name="A"), account(name="B")
    apply(together, deal, main, other)
    apply(apart, deal, main)
    apply(apart, deal, other)
    for owner in (together, apart):
        assert Lead.objects.get(user_account=owner).contact_phones == list(main_phones or (BORIS,))


OLD = replace(contact(7, AIDA, name="Old"), updated_at=at(20))
NEW = replace(contact(7, BORIS, AIDA, name="New"), updated_at=at(30))


def test_news_of_a_contact_in_any_order_make_the_same_lead() -> None:
    states = []
    for number, order in enumerate(permutations([OLD, NEW])):
        owner = account(name=f"A{number}")
        for phone in (AIDA, BORIS):
            response(owner, phone, name=phone)
        apply(owner, read(5, 1, 10, contact_ids=(7,)))
        for news in order:
            apply(owner, news)
        states.append(whole_state(owner)[0])
    assert states[0] == states[1]
    assert [(lead["contact_name"], lead["contact_phones"]) for lead in states[0] if lead["amocrm_lead_id"]] == [
        ("New", [BORIS, AIDA])
    ]


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_news_of_a_contact_that_come_together_are_as_if_they_came_apart(order: tuple[ContactSnapshot, ...]) -> None:
    alfa = account()
    lead = response(alfa, BORIS)
    apply(alfa, read(5, 1, 10, contact_ids=(7,)))
    apply(alfa, *order)
    lead.refresh_from_db()
    assert (lead.amocrm_lead_id, lead.contact_name, lead.contact_phones) == (5, "New", [BORIS, AIDA])


def test_another_main_contact_is_shown_though_its_news_are_older() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10, contact_ids=(7,)), NEW)
    apply(alfa, read(5, 1, 40, contact_ids=(8,)), replace(contact(8, "+77033333333", name="Other"), updated_at=at(5)))
    lead = Lead.objects.get()
    assert (lead.contact_name, lead.contact_phones) == ("Other", ["+77033333333", AIDA, BORIS])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_creative_is_that_of_the_newest_utm_in_whatever_order(order: tuple[int, int]) -> None:
    alfa = account()
    school = Direction.objects.create(user_account=alfa, name="School")
    for name in ("ad-1", "ad-2"):
        Creative.objects.create(user_account=alfa, name=name, direction=school)
    news = [read(5, 1, 10, utm=Utm(source="fb", content="ad-1")), read(5, 1, 20, utm=Utm(source="fb", content="ad-2"))]
    for index in order:
        apply(alfa, news[index])
    lead = Lead.objects.get()
    assert (lead.utm_content, lead.creative.name if lead.creative else None) == ("ad-2", "ad-2")


def test_a_creative_that_is_no_longer_named_takes_its_direction_along() -> None:
    alfa = account()
    school = Direction.objects.create(user_account=alfa, name="School")
    Creative.objects.create(user_account=alfa, name="ad-1", direction=school)
    apply(alfa, read(5, 1, 10, utm=Utm(source="fb", content="ad-1")))
    assert Lead.objects.get().direction == school
    apply(alfa, read(5, 1, 20, utm=Utm(source="fb", content="other")))
    lead = Lead.objects.get()
    assert (lead.creative, lead.direction) == (None, None)


def test_a_creative_chosen_by_hand_stays_while_the_utm_do() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10, utm=Utm(source="fb", content="ad-1")))
    chosen = Creative.objects.create(user_account=alfa, name="By hand")
    Lead.objects.update(creative=chosen)
    apply(alfa, read(5, 2, 20, utm=Utm(source="fb", content="ad-1")))
    assert Lead.objects.get().creative == chosen


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_reading_that_was_overtaken_by_a_later_one_decides_nothing(is_deleted: bool) -> None:
    alfa = account()
    before, earlier, later = (timezone.now() + timedelta(seconds=seconds) for seconds in (-3, -2, -1))
    apply(alfa, read(5, 1, 10, read_at=before))
    apply(alfa, read(5, 1, 10, is_deleted=True, read_at=earlier if is_deleted else before))
    if not is_deleted:
        apply(alfa, read(5, 1, 10, is_deleted=False, read_at=later))
    apply(alfa, read(5, 1, 20, is_deleted=not is_deleted, read_at=before))
    assert Lead.objects.get().is_deleted is is_deleted


def test_a_deletion_read_by_a_clock_that_was_ahead_can_be_undone() -> None:
    alfa = account()
    apply(alfa, read(5, 1, 10))
    apply(alfa, read(5, 1, 10, is_deleted=True, read_at=timezone.now() + timedelta(hours=1)))
    apply(alfa, read(5, 1, 20))
    assert not Lead.objects.get().is_deleted


def test_a_phone_that_many_deals_share_gives_a_new_one_no_more_to_write() -> None:
    alfa = account()
    many = range(1, 251)
    apply(alfa, *(read(n, 1, 10, contact_ids=(n,)) for n in many), *(contact(n, AIDA) for n in many))
    before = dict(Lead.objects.values_list("amocrm_lead_id", "updated_at"))
    changes = apply(alfa, read(900, 1, 10, contact_ids=(900,)), contact(900, AIDA))
    assert [change.deal_id for change in changes] == [900]
    assert Lead.objects.get(amocrm_lead_id=900).match_method == "repeat"
    assert {key: at for key, at in Lead.objects.values_list("amocrm_lead_id", "updated_at") if key != 900} == before
