"""What every app's tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_django
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from config.garbage import spare_what_started
from config.tests.databases import Copy, empty_after_tests
from leads.tests.cast import Cast, make_cast

# No deadline: on a shared machine the slowest example says nothing about the code.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, so that a red build is one about the change.
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# Their tests share what is expensive to make: a browser, a year of demo data.
WHOLE = ("integrations/tests/browser/", "integrations/tests/test_demo.py")


class OneByOne(LoadScopeScheduling):
    """Gives a process its next test when it is free, so that all end at once; each of `WHOLE` to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return next((whole for whole in WHOLE if nodeid.startswith(whole)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return OneByOne(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process is left with one of them when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)


def pytest_collection_finish() -> None:
    """What was collected stays to the end, too."""
    spare_what_started()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_blocker: pytest_django.DjangoDbBlocker, worker_id: str
) -> Iterator[None]:
    """pytest-django's own, where one process runs all tests."""
    empty_after_tests()
    if worker_id == "master":
        request.getfixturevalue("django_db_setup")
        yield
        return
    with django_db_blocker.unblock():
        copy = Copy(Path(os.environ["TEST_VAR_ROOT"]), worker_id)
    yield
    with django_db_blocker.unblock():
        copy.remove()


@pytest.fixture
def cast() -> Cast:
    """Two accounts, and people in every role."""
    return make_cast()
