"""What every app's tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from config.tests.databases import empty_after_tests

# No deadline: on a shared machine the slowest example says nothing about the code.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, so that a red build is one about the change.
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    empty_after_tests()
