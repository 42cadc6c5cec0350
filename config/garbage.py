"""What the start of a process made stays to its end: the garbage collector need not look through it.

Django and its models are some hundred thousand objects. A full round through them held a web process up for 100 ms and
more, in the middle of deliveries, and took a worker a tenth of its CPU; it never found anything.
"""

from __future__ import annotations

import gc

# Objects made since the last round, not yet freed, at which there is a next one. Python's 700 is less than a page of
# deals leaves behind.
YOUNG = 10_000


def spare_what_started() -> None:
    """To be called once a process has loaded what it needs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
