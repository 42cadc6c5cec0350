"""What deploys the product says the same as the Procfile, and names only what there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from honcho.environ import parse_procfile

from config.environment import BASE_DIR
from config.leash import GRACE

PROCESSES = parse_procfile((BASE_DIR / "Procfile").read_text()).processes
DOCKERFILE = (BASE_DIR / "Dockerfile").read_text()
UNIT = (BASE_DIR / "deploy" / "systemd" / "voronka@.service").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]
    return found


def test_the_containers_run_the_lines_of_the_procfile(services: dict[str, Any]) -> None:
    commands = {name: services[name]["command"].removeprefix('sh -c "').removesuffix('"') for name in PROCESSES}
    assert commands == {name: line.removeprefix("exec ") for name, line in PROCESSES.items()}


def test_all_of_them_wait_for_the_release_and_that_for_the_database(services: dict[str, Any]) -> None:
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"] == {"release": {"condition": "service_completed_successfully"}}
    assert services["release"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_variables_of_the_containers_are_ones_that_the_product_reads(services: dict[str, Any]) -> None:
    told = (BASE_DIR / ".env.example").read_text()
    for variable in services["web"]["environment"]:
        assert re.search(rf"^# {variable}=", told, re.MULTILINE), variable


def test_the_image_installs_by_hashes_is_nobodys_root_and_serves_what_the_procfile_serves() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert (BASE_DIR / "requirements.lock").is_file()
    last_user = re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)[-1]
    assert last_user == "voronka"
    command = re.findall(r'^CMD \["([^\]]+)"\]$', DOCKERFILE, re.MULTILINE)[-1]
    assert command.replace('", "', " ") == PROCESSES["web"].removeprefix("exec ")


def test_the_image_can_back_up_and_restore_the_database_beside_it(services: dict[str, Any]) -> None:
    """pg_dump reads no newer server, and an older one refuses what pg_restore sets: both have one version."""
    clients = {"bookworm": "15", "trixie": "17"}
    (base,) = set(re.findall(r"^FROM python:3\.11-slim-(\w+)", DOCKERFILE, re.MULTILINE))
    assert services["postgres"]["image"] == f"postgres:{clients[base]}"


def test_keys_and_local_settings_never_get_into_the_image() -> None:
    ignored = (BASE_DIR / ".dockerignore").read_text().splitlines()
    assert {".env", "var", ".git", ".venv"} <= set(ignored)


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_the_unit_becomes_the_process_of_the_procfile_and_runs_it_again_whenever_it_ends(
    name: str, tmp_path: Path
) -> None:
    """Nothing between that would end it in its own time."""
    (line,) = re.findall(r"^ExecStart=(.+)$", UNIT, re.MULTILINE)
    command = shlex.split(line.replace("%i", name).replace("$$", "$"))
    words = PROCESSES[name].removeprefix("exec ").split()
    program = tmp_path / words[0]
    program.write_text('#!/bin/sh\necho $$ "$@"\n')
    program.chmod(0o755)
    with subprocess.Popen(
        command, cwd=BASE_DIR, env={"PATH": f"{tmp_path}:{os.defpath}"}, stdout=subprocess.PIPE, text=True
    ) as started:
        said, _ = started.communicate()
    assert said.split() == [str(started.pid), *words[1:]]
    assert "Restart=always\n" in UNIT


def test_a_worker_is_given_time_to_end_by_the_containers_too(services: dict[str, Any]) -> None:
    assert services["worker"]["stop_grace_period"] == f"{GRACE:.0f}s"
