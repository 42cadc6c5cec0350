"""History is the sequence of stages by time, equal neighbours merged, whatever the order of the tellings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from leads.deals.history import Step, Telling, steps_of
from leads.tests.world import PIPELINE, at


def telling(status_id: int, seconds: int, read_at: datetime | None = None) -> Telling:
    return Telling(at(seconds), PIPELINE, status_id, read_at)


def shown(tellings: list[Telling]) -> list[tuple[int | None, int, datetime]]:
    return [
        (step.came_from[1] if step.came_from else None, step.status_id, step.changed_at) for step in steps_of(tellings)
    ]


def test_the_first_step_comes_from_nowhere_and_each_other_from_the_one_before() -> None:
    assert shown([telling(1, 0), telling(2, 5), telling(3, 9)]) == [(None, 1, at(0)), (1, 2, at(5)), (2, 3, at(9))]


def test_equal_neighbours_are_merged_and_the_earliest_stays() -> None:
    assert shown([telling(1, 0), telling(1, 5), telling(2, 7), telling(2, 8)]) == [(None, 1, at(0)), (1, 2, at(7))]


def test_what_was_merged_away_counts_again_when_late_news_comes_between() -> None:
    assert shown([telling(1, 0), telling(1, 9), telling(2, 5)]) == [
        (None, 1, at(0)),
        (1, 2, at(5)),
        (2, 1, at(9)),
    ]


def test_a_step_is_confirmed_by_a_reading_anywhere_in_its_run() -> None:
    steps = steps_of([telling(1, 0), telling(1, 3, read_at=at(4)), telling(2, 5)])
    assert [step.is_confirmed for step in steps] == [True, False]


def test_a_confirmed_step_is_still_where_and_by_whom_it_was_first_told() -> None:
    first, told = {"delivery_id": 1}, {"delivery_id": 2}
    heard = [Telling(at(0), PIPELINE, 1, evidence=first), Telling(at(3), PIPELINE, 2, evidence=told)]
    repeated, read = telling(2, 5), telling(2, 7, read_at=at(8))
    stands = Step(at(3), PIPELINE, 2, (PIPELINE, 1), is_confirmed=False, evidence=told)
    assert steps_of([*heard, repeated])[-1] == stands
    assert steps_of([*heard, repeated, read])[-1] == replace(stands, is_confirmed=True)


def test_within_one_second_the_crms_own_word_comes_last() -> None:
    assert shown([telling(9, 5, read_at=at(6)), telling(1, 5)])[-1][1] == 9


def test_within_one_second_the_last_reading_is_the_present() -> None:
    moved = [telling(1, 0), telling(9, 5, read_at=at(6)), telling(2, 5, read_at=at(7))]
    assert shown(moved) == [(None, 1, at(0)), (1, 9, at(5)), (9, 2, at(5))]
    moved_back = [telling(1, 0), telling(9, 5, read_at=at(6)), telling(1, 5, read_at=at(7))]
    assert shown(moved_back) == [(None, 1, at(0)), (1, 9, at(5)), (9, 1, at(5))]


def test_a_second_goes_on_from_where_the_one_before_it_ended() -> None:
    told = [telling(20, 5), telling(30, 5), telling(25, 6), telling(30, 6)]
    assert shown(told) == [(None, 20, at(5)), (20, 30, at(5)), (30, 25, at(6))]


def test_within_one_second_a_deal_goes_on_from_where_it_stood_before() -> None:
    told = [telling(9, 0), telling(9, 5), telling(1, 5), telling(3, 8)]
    assert shown(told) == [(None, 9, at(0)), (9, 1, at(5)), (1, 3, at(8))]


def test_within_one_second_a_deal_comes_to_where_it_stands_afterwards() -> None:
    made_and_moved_by_a_robot = [telling(9, 5), telling(1, 5), telling(1, 8)]
    assert shown(made_and_moved_by_a_robot) == [(None, 9, at(5)), (9, 1, at(5))]


# Heard, or read in one of two readings. Of one stage in one second a single telling is kept.
told_or_read = st.builds(telling, st.integers(1, 3), st.integers(0, 6), st.sampled_from([None, None, at(7), at(8)]))


@given(
    st.lists(told_or_read, max_size=12, unique_by=lambda telling: (telling.at, telling.stage)),
    st.randoms(use_true_random=False),
)
def test_neither_order_nor_repetition_of_tellings_matters(tellings: list[Telling], random: object) -> None:
    shuffled = tellings + tellings[: len(tellings) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert shown(shuffled) == shown(tellings)
    stages = [step.status_id for step in steps_of(tellings)]
    assert all(one != other for one, other in pairwise(stages))
    keys = [step.key for step in steps_of(tellings)]
    assert len(keys) == len(set(keys))
