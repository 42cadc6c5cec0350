"""What the tests of reports share."""

from __future__ import annotations

import pytest

from analytics.tests.reports_world import March, make_march
from leads.tests.cast import Cast


@pytest.fixture
def march(cast: Cast) -> March:
    return make_march(cast.alpha)
