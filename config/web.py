"""`python -m config.web`: gunicorn, as `gunicorn.conf.py` has it, once the environment was found to make sense.

gunicorn reads WEB_CONCURRENCY itself, before any configuration of ours: of a senseless value there, or a blank one,
nothing would come but a traceback.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings


def main() -> None:
    os.environ["WEB_CONCURRENCY"] = str(settings.ENV.web_concurrency)
    # What it executes anew at a USR2: itself, as its own command would be called.
    sys.argv = [str(Path(sys.executable).with_name("gunicorn")), "config.asgi"]
    runpy.run_module("gunicorn", run_name="__main__")


if __name__ == "__main__":
    main()
