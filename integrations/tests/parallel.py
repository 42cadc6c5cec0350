"""Work in other processes, as other workers would do it: `python -m integrations.tests.parallel <task in JSON>`.

The child has the test's database and address of amoCRM, and prints what it did as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def start(kind: str, processes: int, **values: Any) -> list[subprocess.Popen[str]]:
    """Start the task in so many processes."""
    from django.conf import settings
    from django.db import connection

    names = ("AMOCRM_BASE_URL", "AMOCRM_CLIENT_ID", "AMOCRM_CLIENT_SECRET", "AMOCRM_REQUESTS_PER_SECOND")
    task = {
        "kind": kind,
        "database": str(connection.settings_dict["NAME"]),
        "settings": {name: getattr(settings, name) for name in names},
        **values,
    }
    command = [sys.executable, "-m", "integrations.tests.parallel", json.dumps(task)]
    return [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR) for _ in range(processes)
    ]


def answers(processes: list[subprocess.Popen[str]]) -> list[Any]:
    """What each printed, once all have ended well."""
    told = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [json.loads(text.splitlines()[-1]) for text in told]


def _main(task: dict[str, Any]) -> None:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.tests.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    connection.settings_dict["NAME"] = task["database"]
    for name, value in task["settings"].items():
        setattr(settings, name, value)
    print(json.dumps(_read_accounts(task)))


def _read_accounts(task: dict[str, Any]) -> int:
    from integrations.amocrm.client import AmoCRMClient
    from integrations.models import AmoCRMConnection

    client = AmoCRMClient(AmoCRMConnection.objects.get(pk=task["connection"]))
    for _ in range(task["requests"]):
        client.account()
    return client.requests_made


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
