"""Brings hooks to their addresses from threads of its own, in amoCRM's manner: 2 s of patience, retries, giving up."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque

import requests

from sandbox.crm.account import Change, CrmAccount
from sandbox.crm.models import Hook
from sandbox.crm.switches import Switches

from .body import Entry, encode, entry
from .delivery import Attempt, Delivery, is_valid, seconds_to_next
from .faults import HookFaults

WORKERS = 4
REMEMBERED = 5_000
DISABLE_WINDOW = 2 * 3600
USER_AGENT = "amoCRM-Webhooks/3.0"


class Courier:
    """Makes deliveries of changes and sends them. `deliveries` has the last 5,000, the oldest first."""

    def __init__(self, switches: Switches) -> None:
        self.faults = HookFaults()
        self.deliveries: deque[Delivery] = deque(maxlen=REMEMBERED)
        self._switches = switches
        self._accounts: dict[int, CrmAccount] = {}
        self._numbers = itertools.count(1)
        self._turns = itertools.count()
        self._queue: list[tuple[float, int, Delivery]] = []
        self._held: list[Delivery] = []
        self._gathered: dict[int, list[Entry]] = {}
        self._in_flight = 0
        self._invalid: dict[int, deque[float]] = {}
        self._changed = threading.Condition()
        self._workers: list[threading.Thread] = []
        self._closing = False

    def take(self, change: Change) -> None:
        """A change happened: a delivery to every hook that wants to hear of it."""
        account = change.account
        hooks = [
            hook
            for hook in account.hooks.values()
            if not hook.disabled and f"{change.action}_{change.entity}" in hook.settings
        ]
        if not hooks or not account.profile.has_webhooks or self.faults.off:
            return
        self._accounts[account.id] = account
        for hook in hooks:
            if hook.is_short and change.entity != "lead":
                continue
            gathered = self._gathered.setdefault(hook.id, [])
            gathered.append(entry(change, short=hook.is_short))
            if len(gathered) >= self.faults.combine:
                self._send_gathered(account, hook)

    def send(
        self, account: CrmAccount, hook_id: int, destination: str, what: str, body: str, *, retries: bool = True
    ) -> Delivery:
        """Put a body on its way, through the armed faults. Also for bodies made by hand."""
        self._accounts[account.id] = account
        delivery = Delivery(
            next(self._numbers), account.id, hook_id, destination, what, body, time.time(), retries=retries
        )
        with self._changed:
            self.deliveries.append(delivery)
            if self.faults.loses():
                delivery.state = "lost"
                return delivery
            if self.faults.shuffle > 1:
                self._held.append(delivery)
                if len(self._held) >= self.faults.shuffle:
                    self._release_held()
            else:
                self._schedule(delivery, self.faults.delay_seconds)
            if self.faults.doubles():
                self._schedule(delivery, self.faults.delay_seconds)
        return delivery

    def release(self) -> None:
        """Send what the faults `shuffle` and `combine` hold back."""
        for account in list(self._accounts.values()):
            for hook in list(account.hooks.values()):
                self._send_gathered(account, hook)
        with self._changed:
            self._release_held()

    def wait_idle(self, timeout: float = 10.0, *, retries: bool = False) -> bool:
        """Wait until every first attempt (with `retries`: every attempt) was made. False: not in `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._in_flight or any(retries or not item[2].attempts for item in self._queue):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def retry_now(self) -> None:
        """Let all waiting retries be due."""
        with self._changed:
            self._queue = [(0.0, turn, delivery) for _, turn, delivery in self._queue]
            heapq.heapify(self._queue)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget what was sent and what waits."""
        with self._changed:
            self.deliveries.clear()
            self._queue.clear()
            self._held.clear()
            self._gathered.clear()
            self._invalid.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop the threads; what waits is not sent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join(timeout=self._switches.hook_timeout + 1)

    def _send_gathered(self, account: CrmAccount, hook: Hook) -> None:
        entries = self._gathered.pop(hook.id, [])
        if entries:
            what = ", ".join(dict.fromkeys(key for key, _ in entries))
            body = encode(account, entries, short=hook.is_short)
            self.send(account, hook.id, hook.destination, what, body, retries=not hook.is_short)

    def _release_held(self) -> None:
        held, self._held = self._held, []
        self.faults.dice.shuffle(held)
        for place, delivery in enumerate(held):
            # A little apart, or the workers would make an order of their own.
            self._schedule(delivery, self.faults.delay_seconds + place * 0.02)

    def _schedule(self, delivery: Delivery, seconds: float) -> None:
        heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._turns), delivery))
        while len(self._workers) < WORKERS and not self._closing:
            worker = threading.Thread(target=self._work, name=f"courier-{len(self._workers)}", daemon=True)
            self._workers.append(worker)
            worker.start()
        self._changed.notify_all()

    def _work(self) -> None:
        session = requests.Session()
        session.trust_env = False
        while True:
            delivery = self._next_due()
            if delivery is None:
                session.close()
                return
            attempt = self._attempt(session, delivery)
            with self._changed:
                self._in_flight -= 1
                self._settle(delivery, attempt)
                self._changed.notify_all()

    def _next_due(self) -> Delivery | None:
        with self._changed:
            while not self._closing:
                wait = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    self._in_flight += 1
                    return heapq.heappop(self._queue)[2]
                self._changed.wait(wait)
            return None

    def _attempt(self, session: requests.Session, delivery: Delivery) -> Attempt:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded", "User-Agent": USER_AGENT,
            "x-amocrm-requestid": delivery.request_id, "Accept-Encoding": "gzip", "Accept": "*/*",
        }  # fmt: skip
        started = time.monotonic()
        status, error = 0, ""
        try:
            answer = session.post(
                delivery.destination, data=delivery.body.encode(), headers=headers, allow_redirects=False,
                timeout=self._switches.hook_timeout,
            )  # fmt: skip
            status = answer.status_code
        except requests.RequestException as failure:
            error = type(failure).__name__
        return Attempt(time.time(), status, round((time.monotonic() - started) * 1000), error)

    def _settle(self, delivery: Delivery, attempt: Attempt) -> None:
        delivery.attempts.append(attempt)
        if is_valid(attempt.status):
            delivery.state = "delivered"
            return
        if self._note_invalid(delivery):
            delivery.state = "dropped"
            return
        wait = seconds_to_next(len(delivery.attempts), attempt.status) if delivery.retries else None
        if wait is None:
            delivery.state = "failed" if delivery.state != "delivered" else "delivered"
            return
        self._schedule(delivery, wait * self._switches.hook_time_scale)

    def _note_invalid(self, delivery: Delivery) -> bool:
        """Count an invalid answer; too many in two hours switch the hook off. True when it is off."""
        most = self._switches.hook_disable_after
        times = self._invalid.setdefault(delivery.hook_id, deque(maxlen=most + 1))
        now = time.monotonic()
        times.append(now)
        account = self._accounts[delivery.account_id]
        hook = account.hooks.get(delivery.hook_id)
        if hook is None:
            return False
        # A short hook knows no such rule in the Russian documents.
        if len(times) > most and now - times[0] <= DISABLE_WINDOW and delivery.retries:
            hook.disabled = True
        return hook.disabled
