"""What is installed (the locks) is what was chosen (requirements*.txt)."""

from __future__ import annotations

import re
from itertools import chain

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LISTS = [("requirements.txt", "requirements.lock"), ("requirements-dev.txt", "requirements-dev.lock")]


def chosen(name: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (settings.BASE_DIR / name).read_text().splitlines()]
    below = [chosen(line.removeprefix("-r ").strip()) for line in lines if line.startswith("-r ")]
    return [*chain.from_iterable(below), *(Requirement(line) for line in lines if line and not line.startswith("-"))]


def locked(name: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.\[\],-]+)==([^\s;]+)", (settings.BASE_DIR / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package.partition("[")[0]): version for package, version in pins}


@pytest.mark.parametrize(("wanted", "lock"), LISTS)
def test_each_chosen_package_is_locked_at_a_version_that_was_chosen(wanted: str, lock: str) -> None:
    versions = locked(lock)
    stale = [
        str(each)
        for each in chosen(wanted)
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"))
    ]
    assert not stale, f"{lock} is behind {wanted}: run `make lock`"


@pytest.mark.parametrize("lock", [lock for _, lock in LISTS])
def test_each_locked_package_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", (settings.BASE_DIR / lock).read_text().strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_product_and_its_tests_run_on_the_same_versions() -> None:
    product, tests = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: tests.get(name) for name in product} == product
