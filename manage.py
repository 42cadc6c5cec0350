#!/usr/bin/env python
"""Django's command line."""

import os
import sys


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

    # Settings are read now: a senseless variable ends the process with its one line, whatever the command is.
    _ = settings.DEBUG
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
