"""`python -m sandbox`: the sandbox as a program."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .persist import Keeper
from .sandbox import CLIENT_ID, Sandbox
from .seed import seed_bulk, seed_demo
from .web.server import serve


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in amoCRM and Telegram.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--state", type=Path, help="keep accounts, tokens, deals and hooks in this file")
    parser.add_argument("--seed-demo", action="store_true", help="a believable account to begin with")
    parser.add_argument("--deals", type=int, default=0, metavar="N", help="that many more deals, all at once")
    parser.add_argument("--redirect-uri", help="where the integration sends people back to")
    parser.add_argument("--disable-url", help="where it wants to hear of its being disabled")
    parser.add_argument("--client-id", default=CLIENT_ID)
    parser.add_argument("--client-secret", help="default: sandbox-secret")
    parser.add_argument("--hook-time-scale", type=float, default=1.0, help="factor on the waits between hook retries")
    return parser.parse_args(given)


def prepare(options: argparse.Namespace) -> Sandbox:
    """The sandbox that the options describe: from the state file if there is one, else seeded."""
    crm = Sandbox(hook_time_scale=options.hook_time_scale)
    restored = False
    if options.state is not None:
        keeper = Keeper(crm, options.state)
        restored = keeper.restore()
        keeper.watch()
    if not restored:
        if options.seed_demo:
            seed_demo(crm)
        if options.deals:
            seed_bulk(crm.demo, options.deals)
    client = crm.oauth.clients.get(options.client_id)
    crm.oauth.register(
        options.client_id,
        options.client_secret or (client.secret if client else "sandbox-secret"),
        redirect_uri=options.redirect_uri or (client.redirect_uri if client else None),
        disable_url=options.disable_url or (client.disable_url if client else None),
    )
    crm.on_change()
    return crm


def main(given: list[str] | None = None) -> int:
    """Run until a signal says to stop."""
    options = arguments(given)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with serve(prepare(options), host=options.host, port=options.port) as server:
        print(f"sandbox amoCRM at {server.url}/  (Telegram: {server.url}/telegram)", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
