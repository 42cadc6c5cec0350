"""The installation's own keys: made on the first start, kept under `var/`, readable by their owner only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from config.env import refuse, writing


def own_key(path: Path, make: Callable[[], str]) -> str:
    """The key that `path` holds; made there first when there is none.

    Several processes start at once, so the key is written aside and *linked* to its name: the first wins, complete,
    and the others read the winner's.

    :raises EnvError: when it cannot be kept there, or not be read.
    """
    if not path.is_file():
        with writing("VAR_DIR", path.parent):
            _make(path, make)
    try:
        key = path.read_text().strip()
    except OSError as error:  # made by root, say, for whom a command was run
        refuse("VAR_DIR", f"{path} cannot be read ({error.strerror})", "Give the folder to who runs this process")
    return key or refuse("VAR_DIR", f"{path} is empty", "Bring it back from a backup; only if there is none, delete it")


def _make(path: Path, make: Callable[[], str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        Path(aside).unlink()
