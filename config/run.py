"""`make run`: everything on this machine, in one terminal. Migrates, then runs the Procfile's web, worker and beat.

Unless AMOCRM_BASE_URL says which amoCRM to talk to, a sandbox that plays amoCRM, Telegram and Meta runs as well.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from config import environment
from config.env import EnvError, refuse, stop, writing
from config.environment import BASE_DIR, HIGHEST_PORT, Environment
from config.leash import LeashedManager

PROCESSES = ("web", "worker", "beat")
SANDBOX_PORT_OFFSET = 100


def main() -> int:
    try:
        environment.read_env_file()
        chosen = run_defaults()
        for name, value in chosen.items():
            # Set but blank counts as not set, as everywhere.
            os.environ[name] = os.environ.get(name) or value
        env = environment.read()
        sandbox = sandbox_port(env, chosen)
        check_ports(env.port, sandbox)
        # What a later `manage.py …` must find the same, though nothing tells it.
        with writing("VAR_DIR", env.var_dir):
            write_run_file(env.var_dir / "run.env", {name: os.environ[name] for name in chosen})
    except EnvError as error:
        stop(error)
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    for command in preparations(has_sandbox=sandbox is not None):
        code = subprocess.call([sys.executable, "manage.py", *command], cwd=BASE_DIR)
        if code:
            return code
    return run(env, sandbox)


def run_defaults() -> dict[str, str]:
    """The variables that a run chooses when nobody has: its address, and the sandbox's.

    :raises EnvError: where the environment makes no sense, or leaves the sandbox no port.
    """
    port = environment.read().port
    own = {"PORT": str(port), "APP_URL": f"http://localhost:{port}"}
    if os.environ.get("AMOCRM_BASE_URL"):
        return own
    if port + SANDBOX_PORT_OFFSET > HIGHEST_PORT:
        problem = f"and the sandbox needs the port that is {SANDBOX_PORT_OFFSET} higher"
        refuse("PORT", problem, f"Choose one up to {HIGHEST_PORT - SANDBOX_PORT_OFFSET}", value=str(port))
    sandbox = f"http://127.0.0.1:{port + SANDBOX_PORT_OFFSET}"
    return {
        **own,
        "AMOCRM_BASE_URL": sandbox,
        "AMOCRM_AUTH_URL": f"{sandbox}/oauth",
        "AMOCRM_CLIENT_ID": "sandbox-client",
        "AMOCRM_CLIENT_SECRET": "sandbox-secret",
        "TELEGRAM_API_URL": f"{sandbox}/telegram",
        "TELEGRAM_BOT_TOKEN": "sandbox-bot",
        "TELEGRAM_CHAT_ID": "1",
        "META_API_URL": f"{sandbox}/meta/v24.0",
    }


def check_ports(own: int, sandbox: int | None) -> None:
    """:raises EnvError: when a port that this run needs is taken."""
    for port in filter(None, (own, sandbox)):
        with socket.socket() as probe:
            # As the servers do: a port that only waits for its last connections to end is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))  # noqa: S104 - what the web process will do
            except (OSError, OverflowError):
                refuse("PORT", f"port {port} is taken or not allowed", f"Choose another, like PORT={own + 1}")


def sandbox_port(env: Environment, chosen: Mapping[str, str]) -> int | None:
    """The port of this run's own sandbox; None where somebody else said which amoCRM, whatever its address."""
    return env.port + SANDBOX_PORT_OFFSET if "AMOCRM_BASE_URL" in chosen else None


def write_run_file(path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["# Written by the last `make run`: its defaults, which settings read last of all."]
    aside = path.with_suffix(".new")
    aside.touch(mode=0o600)
    aside.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in values.items())]) + "\n")
    aside.rename(path)


def preparations(*, has_sandbox: bool) -> list[list[str]]:
    """The manage.py commands before anything runs. The demo prints the address and the login."""
    commands = [["migrate", "--noinput", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]]
    return [*commands, ["demo"]] if has_sandbox else commands


def run(env: Environment, sandbox: int | None) -> int:
    """Runs all until one ends or a signal comes. Never 0: nothing here ends on its own for a good reason."""
    manager: Manager = LeashedManager()
    procfile = parse_procfile((BASE_DIR / "Procfile").read_text())
    for name in PROCESSES:
        manager.add_process(name, procfile.processes[name], env=dict(os.environ), cwd=str(BASE_DIR))
    if sandbox:
        command = (
            f"exec python -m sandbox --port {sandbox} --state {env.var_dir / 'sandbox.json'} --seed-demo"
            f" --redirect-uri {env.app_url}/amocrm/callback --disable-url {env.app_url}/amocrm/disabled"
        )
        manager.add_process("sandbox", command, env=dict(os.environ), cwd=str(BASE_DIR))
    print(f"Voronka: {env.app_url}/app/", flush=True)
    manager.loop()
    return int(manager.returncode or 1)


if __name__ == "__main__":
    sys.exit(main())
