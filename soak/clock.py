"""The wall clock of the product's processes, to be moved. A database server keeps its own, as on another machine."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """In `folder`; it can be moved where a C compiler is at hand."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "clock-offset", folder / "clock.so"
        self._offset = 0
        self.move(0)
        compiler = shutil.which("cc")
        self.can_be_moved = compiler is not None
        if compiler:
            subprocess.run([compiler, "-shared", "-fPIC", "-o", self._library, SOURCE, "-ldl"], check=True)

    def variables(self) -> dict[str, str]:
        """What puts a process on this clock."""
        if not self.can_be_moved:
            return {}
        return {"LD_PRELOAD": str(self._library), "CLOCK_OFFSET_FILE": str(self._file)}

    def move(self, seconds: int) -> None:
        """By so much, from where it stands now. In place: running processes have the file mapped."""
        self._offset += seconds
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("q", self._offset))
