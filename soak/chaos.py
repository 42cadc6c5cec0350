"""What goes wrong: each trouble is a context, which begins with harm and ends with its being over."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sandbox import CLIENT_ID, Fault, Server
from soak.hosts import Network
from soak.product import PROCESSES, Product
from soak.servers import Postgres, Redis

LONGEST_TROUBLE = 6.0
LONGEST_CALM = 3.0
LONGEST_CUT = 25.0  # longer than TCP is let wait
TWO_AT_ONCE = 0.5
API, TELEGRAM = "/api/v4", "/telegram"
Trouble = Callable[[], AbstractContextManager[None]]


@dataclass(slots=True)
class Chaos:
    """Seeded troubles, up to two at once, each before any comes again. `happened` counts them by name."""

    product: Product
    crm: Server
    postgres: Postgres | None
    redis: Redis | None
    network: Network | None
    chance: random.Random
    happened: Counter[str] = field(default_factory=Counter)

    def reign(self, seconds: float, say: Callable[[str], None]) -> None:
        """Make trouble for so long; at the end all of it is over."""
        ends = time.monotonic() + seconds
        troubles = self.troubles()
        left: list[str] = []
        while time.monotonic() < ends:
            left = left or self.chance.sample(sorted(troubles), len(troubles))
            names = self._next(left)
            say(" and ".join(names))
            self.happened.update(names)
            with ExitStack() as stack:
                for name in names:
                    stack.enter_context(troubles[name]())
                time.sleep(self.chance.uniform(0, LONGEST_TROUBLE))
            self.product.mend()
            time.sleep(self.chance.uniform(0, LONGEST_CALM))

    def _next(self, left: list[str]) -> list[str]:
        """One or two of these, taken out. Two befall two things: a database that is down cannot be stopped."""
        names = [left.pop()]
        others = [name for name in left if _thing(name) != _thing(names[0])]
        if others and self.chance.random() < TWO_AT_ONCE:
            names.append(others[-1])
            left.remove(others[-1])
        return names

    def troubles(self) -> dict[str, Trouble]:
        """All that can be done on these servers, by name."""
        found: dict[str, Trouble] = {}
        for name in PROCESSES:
            found[f"{name} killed"] = partial(self._killed, name)
            found[f"{name} frozen"] = partial(self._frozen, name)
        found["a web process killed"] = lambda: _at_once(lambda: self.product.kill_child("web"))
        found |= self._of_amocrm()
        if self.postgres:
            found["database restarted"] = lambda: self._database_down("fast")
            found["database crashed"] = lambda: self._database_down("immediate")
        if self.redis:
            found |= self._of_redis(self.redis)
        else:
            found["broker emptied"] = lambda: _at_once(self._empty_embedded_broker)
        if self.network:
            found |= {f"{name} cut off": partial(self._cut_off, self.network, name) for name in self.network.hosts}
        if self.product.clock.can_be_moved:
            found["clock put forward"] = lambda: _at_once(lambda: self.product.clock.move(self.chance.randint(1, 300)))
            found["clock put back"] = lambda: _at_once(lambda: self.product.clock.move(-self.chance.randint(1, 20)))
        return found

    def _of_amocrm(self) -> dict[str, Trouble]:
        crm = self.crm.crm
        found: dict[str, Trouble] = {
            f"amoCRM: {name}": partial(self._faulty, fault)
            for name, fault in {
                "500": Fault("status", prefix=API, status=500),
                "502 in HTML": Fault("status", prefix=API, status=502, html=True),
                "429": Fault("status", prefix=API, status=429, retry_after=2),
                "429 in HTML": Fault("status", prefix=API, status=429, html=True),
                "resets": Fault("reset", prefix=API),
                "slow": Fault("latency", prefix=API, seconds=2),
                "silent": Fault("hang", prefix=API, seconds=8),
                "half answers": Fault("truncate", prefix=API),
                "lost answers": Fault("lose_answer", prefix=API),
            }.items()
        }
        found["amoCRM: away"] = self._amocrm_away
        found["amoCRM: 403 block"] = self._amocrm_blocks
        found["hooks late"] = lambda: self._hooks(delay_seconds=3.0)
        found["hooks in disorder"] = lambda: self._hooks(shuffle=8)
        found["hooks lost"] = lambda: self._hooks(lose_probability=0.3)
        found["hooks gathered"] = lambda: self._hooks(combine=5)
        found["Telegram: 500"] = lambda: self._faulty(Fault("status", prefix=TELEGRAM, status=500))
        found["Telegram: 429"] = lambda: _at_once(lambda: crm.telegram.fail(429, times=3, retry_after=1))
        found["Telegram: lost answer"] = lambda: _at_once(lambda: crm.faults.lose_answer(prefix=TELEGRAM))
        return found

    def _of_redis(self, redis: Redis) -> dict[str, Trouble]:
        return {
            "broker killed": lambda: _down(redis.kill, redis.start),
            "broker stopped": lambda: _down(lambda: redis.signal(signal.SIGSTOP), lambda: redis.signal(signal.SIGCONT)),
            "broker full": lambda: _down(lambda: redis.limit_memory(1), lambda: redis.limit_memory(0)),
            "broker emptied": lambda: _at_once(redis.flush),
        }

    def _killed(self, name: str) -> AbstractContextManager[None]:
        return _down(lambda: self.product.kill(name), lambda: self.product.start(name))

    def _frozen(self, name: str) -> AbstractContextManager[None]:
        return _down(
            lambda: self.product.signal(name, signal.SIGSTOP), lambda: self.product.signal(name, signal.SIGCONT)
        )

    def _database_down(self, mode: str) -> AbstractContextManager[None]:
        assert self.postgres is not None
        postgres = self.postgres
        return _down(lambda: postgres.stop(mode), postgres.start)

    @contextmanager
    def _cut_off(self, network: Network, name: str) -> Iterator[None]:
        with _down(lambda: network.cut(name), lambda: network.mend(name)):
            yield
            time.sleep(self.chance.uniform(0, LONGEST_CUT))

    def _faulty(self, fault: Fault) -> AbstractContextManager[None]:
        faults = self.crm.crm.faults
        return _down(lambda: faults.arm(fault), lambda: faults.lift(fault))

    def _hooks(self, **settings: float) -> AbstractContextManager[None]:
        """The next hooks fare so; what was held back is let go at the end."""
        courier = self.crm.crm.courier
        calm = {name: type(value)(0) for name, value in settings.items()}

        def over() -> None:
            courier.faults.update(calm)
            courier.release()

        return _down(lambda: courier.faults.update(settings), over)

    def _amocrm_away(self) -> AbstractContextManager[None]:
        return _down(self.crm.refuse_connections, self.crm.accept_connections)

    def _amocrm_blocks(self) -> AbstractContextManager[None]:
        crm = self.crm.crm
        return _down(lambda: crm.limits.block(crm.demo.id, CLIENT_ID), crm.limits.lift)

    def _empty_embedded_broker(self) -> None:
        messages = Path(self.product.env["VAR_DIR"]) / "broker" / "messages"
        for path in messages.glob("*.msg"):
            path.unlink(missing_ok=True)


def _thing(trouble: str) -> str:
    """What a trouble befalls: all but its last word."""
    return trouble.rpartition(" ")[0]


@contextmanager
def _down(begin: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        end()


@contextmanager
def _at_once(happen: Callable[[], object]) -> Iterator[None]:
    happen()
    yield
