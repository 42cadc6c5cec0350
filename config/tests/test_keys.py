from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from config.keys import own_key


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    numbers = count()
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: own_key(tmp_path / "new" / "key", lambda: f"key {next(numbers)}"), range(32)))
    assert len(set(keys)) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["key"]


def test_a_key_is_its_owners_only(tmp_path: Path) -> None:
    own_key(tmp_path / "key", lambda: "secret")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
