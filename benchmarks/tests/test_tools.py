"""What the figures are made with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import fuzz, load
from benchmarks.__main__ import parts_present
from benchmarks.tables import Table, times


def test_a_table_is_markdown_with_the_figures_to_the_right() -> None:
    table = Table("Intake", ("way", "req/s"), [("the hook", "1,000"), ("raw", "9")], ["Loopback only."])
    assert str(table).splitlines() == [
        "## Intake",
        "",
        "| way      | req/s |",
        "| -------- | ----: |",
        "| the hook | 1,000 |",
        "| raw      |     9 |",
        "",
        "Loopback only.",
    ]


@pytest.mark.parametrize(
    ("ratio", "text"), [(12.4, "12×"), (1, "1.00×"), (0.637, "0.64×"), (0.0045, "1/222"), (0, "0.00×")]
)
def test_ratios_are_for_people(ratio: float, text: str) -> None:
    assert times(ratio) == text


def test_latencies_are_milliseconds_at_their_percentiles() -> None:
    figures = load.figures([number / 1000 for number in range(100, 0, -1)], 2.0)
    assert (figures.per_second, figures.p50, figures.p99, figures.acknowledged) == (50.0, 51.0, 100.0, 100)
    assert figures.longest == 100.0
    assert load.figures([], 2.0).acknowledged == 0


def test_all_parts_are_found_by_their_names() -> None:
    assert parts_present()[:3] == ["intake", "drain", "requests"]


class _Counting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: list[bytes] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(503 if len(self.bodies) == 1 else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def counting() -> Iterator[str]:
    _Counting.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook?sig=1"
        server.shutdown()


def test_our_own_generator_counts_good_answers_apart_from_refusals(counting: str) -> None:
    figures = asyncio.run(load._by_ourselves(counting, b"a=1", 4, 0.2))
    assert figures.refused == 1
    assert figures.acknowledged == len(_Counting.bodies) - 1 > 4
    assert set(_Counting.bodies) == {b"a=1"}


@pytest.mark.parametrize("number", range(0, 400, 100))
def test_broken_bodies_break_no_reader(number: int) -> None:
    for one in range(number, number + 100):
        fuzz.one(seed=7, number=one)
