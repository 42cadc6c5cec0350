#!/usr/bin/env python
"""Django's command line."""

import os
import sys

REMEDY = "Is DATABASE_URL right, and has `manage.py migrate` been run? --traceback shows all."


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import environment
    from config.env import EnvError, stop

    try:
        environment.read_run_file()
    except EnvError as error:
        stop(error)
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    # Settings are read now: a senseless variable ends the process with its one line, whatever the command is.
    _ = settings.DEBUG
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        if "--traceback" in sys.argv:
            raise
        why = " ".join(str(error).split())
        print(f"voronka: the database did not do it: {why}. {REMEDY}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
