"""What every app's tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline: on a shared machine the slowest example says nothing about the code.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, so that a red build is one about the change.
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
