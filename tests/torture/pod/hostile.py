"""Scanners: a million requests over a hundred thousand paths, methods and headers."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import string
import time
from collections import Counter
from collections.abc import Iterable

from tests.torture.pod import processes, target, wire
from tests.torture.pod.scenario import Run, Scenario
from tests.torture.pod.target import Served
from tests.torture.pod.wire import Connection

_KNOWN = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
_RARE = ("PROPFIND", "LOCK", "MKCOL", "PURGE", "REPORT", "SEARCH", "SUBSCRIBE", "UNLINK")
_PREFIXES = (
    "/",
    "/predict/",
    "/v1/models/",
    "/v2/models/",
    "/admin/",
    "/.git/",
    "/wp-login.php?",
    "//",
    "/%2e%2e/",
    "/readyz;",
)
_HEADERS = (
    "User-Agent",
    "Accept",
    "Cookie",
    "Referer",
    "X-Forwarded-For",
    "Traceparent",
    "Accept-Language",
    "Via",
)
_PIPELINED = 20


def hostile(number: int, paths: int, draw: random.Random) -> tuple[bytes, bool]:
    """One of them, and whether it is a HEAD.

    Args:
        number: Its number; paths repeat after `paths` of them.
        paths: How many different ones there are.
        draw: Chance for method and headers.
    """
    chance = draw.random()
    if chance < 0.8:
        method = draw.choice(_KNOWN)
    elif chance < 0.98:
        method = draw.choice(_RARE)
    else:  # a method of its own: most parsers refuse it and close
        method = "".join(draw.choices(string.ascii_uppercase, k=8))
    path = f"{draw.choice(_PREFIXES)}{number % paths:x}"
    headers = {
        draw.choice(_HEADERS): f"{number:x}",
        f"X-{draw.choice(string.ascii_letters)}{number % paths}": "1",
    }
    return wire.request(method, path, None, headers), method == "HEAD"


async def scan(run: Run) -> None:
    """Send them all, scrape meanwhile."""
    total, paths = run.size("requests"), run.size("paths")
    async with target.serving(run.target, run.folder) as served:
        question = run.oracle.questions(run.draw)[0]
        statuses: Counter[str] = Counter()
        # Every route, method and status once: what is bounded by the contract exists before the count.
        for start in range(0, run.size("first"), _PIPELINED):
            await _sent(served, _batch(range(start, start + _PIPELINED), 3, random.Random(start)), statuses)  # noqa: S311
        first, memory = await _series(served), processes.resident_bytes(served.pid)
        scrapes = asyncio.create_task(_scraped(served))
        numbers = iter(range(total))

        async def scanner(draw: random.Random) -> None:
            while batch := _batch(itertools.islice(numbers, _PIPELINED), paths, draw):
                await _sent(served, batch, statuses)

        seeds = [run.draw.randrange(1 << 32) for _ in range(run.size("scanners"))]
        await asyncio.gather(*(scanner(random.Random(seed)) for seed in seeds))  # noqa: S311 - seeded
        await asyncio.sleep(0.1)
        scrapes.cancel()
        took = sorted(await scrapes)
        last = await _series(served)
        grown = (processes.resident_bytes(served.pid) - memory) / (1 << 20)
        good = await wire.once(served.port, question.request("good"), 30)
        alive = served.alive
    run.number += total
    p99 = took[math.ceil(0.99 * len(took)) - 1] * 1_000 if took else math.nan
    errors = {status: count for status, count in statuses.items() if status.startswith("5")}
    run.check("no series was added", last == first, f"{first} before, {last} after")
    run.check("p99 of scrapes <= 50 ms", p99 <= 50, f"{p99:.1f} ms of {len(took)}", figure=True)
    run.check("no 5xx", not errors, errors or "none")
    run.check("none was accepted", not statuses["200"], statuses["200"])
    run.check("a good request is answered right afterwards", not question.wrong(good, "good"), good.status)
    run.check("the process did not end", alive, alive)
    run.notes["answers"] = ", ".join(f"{count} x {status}" for status, count in statuses.most_common())
    run.notes["memory"] = f"{grown:+.0f} MiB"


def _batch(numbers: Iterable[int], paths: int, draw: random.Random) -> list[tuple[bytes, bool]]:
    """Requests for one pipeline; those that parsers close a connection for come last."""
    drawn = [hostile(number, paths, draw) for number in numbers]
    known = {*_KNOWN, *_RARE}
    return sorted(drawn, key=lambda each: each[0].split(b" ", 1)[0].decode() not in known)


async def _sent(served: Served, batch: list[tuple[bytes, bool]], statuses: Counter[str]) -> None:
    """Send requests one behind the other; those behind one that ends the connection go on the next."""
    while batch:
        try:
            async with asyncio.timeout(30):
                connection = await Connection.open(served.port)
                try:
                    connection.writer.write(b"".join(content for content, _ in batch))
                    answered = 0
                    for _, head in batch:
                        found = await wire.reply(connection.reader, head=head)
                        statuses[str(found.status)] += 1
                        answered += 1
                        if found.closing:
                            break
                finally:
                    connection.close()
        except (OSError, wire.WireError, TimeoutError) as error:
            statuses["closed" if not isinstance(error, TimeoutError) else "5-time-out"] += 1
            answered += 1
        batch = batch[answered:]


async def _series(served: Served) -> int:
    """Samples in a scrape, the exposition's own of this process apart."""
    lines = (await served.scrape()).splitlines()
    return sum(1 for line in lines if line and not line.startswith(("#", "python_", "process_")))


async def _scraped(served: Served) -> list[float]:
    """Scrape twice a second until cancelled; seconds of each."""
    took = []
    try:
        while True:
            began = time.monotonic()
            await served.scrape()
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.5)
    except asyncio.CancelledError:
        return took


HOSTILE = Scenario(
    name="hostile",
    action="1,000,000 requests over 100,000 paths and header names, known, rare and invented methods",
    load="as fast as 4 connections allow, 20 requests pipelined",
    passes="no series added; p99 of scrapes <= 50 ms; no 5xx",
    unit="requests",
    full={"requests": 1_000_000, "paths": 100_000, "scanners": 4, "first": 4_000},
    short={"requests": 2_000, "paths": 2_000, "scanners": 2, "first": 1_500},
    minutes=12,
    act=scan,
)
SCENARIOS = (HOSTILE,)
