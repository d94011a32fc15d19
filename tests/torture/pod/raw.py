"""Mutated HTTP/1.1 against a running server, with h11 and scikit-learn as the referees."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from dataclasses import dataclass

from tests.torture.pod import mutations, referee, target, wire
from tests.torture.pod.scenario import Run, Scenario
from tests.torture.pod.wire import Connection, Reply, request

_CANARY_ID = "canary"
_CANARY = request("GET", "/livez", None, {"X-Request-Id": _CANARY_ID, "Connection": "close"})
_SECONDS = 5.0
_AT_ONCE = 8
_MOST_KEPT = 20  # findings written out
_BROKEN = frozenset({400, 408, 413, 414, 431, 501, 505})  # after these the server cannot go on, and closes
KINDS = ("crash", "5xx", "wrong acceptance", "lost answer", "malformed answer", "connection state")


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that the server did not handle right.

    Attributes:
        seed: Of the case: `mutations.case` with it gives the bytes.
        kind: One of `KINDS`.
        detail: In words.
    """

    seed: int
    kind: str
    detail: str


async def judge(run: Run, port: int, case: mutations.Case, seed: int) -> tuple[Finding | None, Counter[str]]:
    """Send one case and judge what comes back."""
    reading = referee.read(b"".join(case.pieces))
    canary = reading.state == "open"
    heads = [asked.method == "HEAD" for asked in reading.asked] + [reading.rest.startswith(b"HEAD")]
    pieces = [*case.pieces, _CANARY] if canary else [*case.pieces]
    replies, end = await _exchange(port, pieces, heads, whole=None if canary else len(reading.asked))
    counts = Counter([f"h11: {reading.state}", f"then {end}", *(f"status {each.status}" for each in replies)])
    statuses = [each.status for each in replies]
    finding: tuple[str, str] | None = None
    if any(status >= 500 for status in statuses):
        finding = "5xx", str(statuses)
    elif end == "malformed":
        finding = "malformed answer", str(statuses)
    elif wrong := _wrong(run, reading, replies, canary=canary):
        finding = "wrong acceptance", wrong
    elif len(statuses) < case.untouched or any(status in _BROKEN for status in statuses[: case.untouched]):
        finding = "lost answer", f"{case.untouched} valid requests came first, answers: {statuses} ({end})"
    elif end == "open":
        finding = "connection state", f"left open after {statuses}, h11 says {reading.state}"
    elif canary and end == "closed" and not _ended(replies) and len(replies) != len(reading.asked) + 1:
        finding = "lost answer", f"{statuses} for {len(reading.asked) + 1} requests"
    return None if finding is None else Finding(seed, *finding), counts


def _ended(replies: list[Reply]) -> bool:
    """Whether the last answer says why the connection was closed."""
    return bool(replies) and (replies[-1].status in _BROKEN or replies[-1].closing)


def _wrong(run: Run, reading: referee.Reading, replies: list[Reply], *, canary: bool) -> str:
    """A request that was accepted and should not have been, or was answered for another; empty if none."""
    for place, found in enumerate(replies):
        if found.status >= 400:
            continue
        if place >= len(reading.asked):
            is_canary = canary and found.headers.get(b"x-request-id") == _CANARY_ID.encode()
            if is_canary and place == len(reading.asked):
                continue
            reads = f"h11 reads {len(reading.asked)} ({reading.state})"
            return f"answer {place + 1} of status {found.status}, {reads}"
        asked = reading.asked[place]
        if asked.must_fail:
            return "a request without a Host, or with two, was accepted"
        if asked.method == "POST":
            wrong = _wrong_prediction(run, asked, found)
            if wrong:
                return wrong
        elif asked.method not in {"GET", "HEAD"}:
            return f"{asked.method} answered with {found.status}"
    return ""


def _wrong_prediction(run: Run, asked: referee.Asked, found: Reply) -> str:
    rows = referee.rows(asked.body)
    if rows is None:
        return "a body that the referee refuses was answered with a prediction"
    try:
        said = json.loads(found.body)
        given = said["predictions"] if "predictions" in said else [said["prediction"]]
    except (ValueError, KeyError, TypeError):
        return "200 without a prediction"
    return "" if given == run.oracle.forest.predict(rows).tolist() else "another prediction"


async def _exchange(
    port: int, pieces: list[bytes], heads: list[bool], *, whole: int | None
) -> tuple[list[Reply], str]:
    """Send the pieces, read all answers.

    Args:
        port: Where to.
        pieces: What.
        heads: Which requests are HEAD.
        whole: After so many answers this side has nothing more to say (half-close); None: it never does.

    Returns:
        The answers, and how it ended: `closed`, `reset`, `open` or `malformed`.
    """
    replies: list[Reply] = []
    connection = await Connection.open(port)
    writing = asyncio.ensure_future(_write(connection, pieces))
    try:
        async with asyncio.timeout(_SECONDS):
            while not connection.reader.at_eof():
                if whole is not None and len(replies) >= whole:
                    await writing
                    connection.writer.write_eof()
                    whole = None
                head = heads[min(len(replies), len(heads) - 1)]
                replies.append(await wire.reply(connection.reader, head=head))
                if head and replies[-1].status in _BROKEN:  # who could not read the request sends a body
                    await connection.reader.read()
    except TimeoutError:
        return replies, "open"
    except wire.WireError as error:
        return replies, "closed" if "no answer" in str(error) else "malformed"
    except OSError:
        return replies, "reset"
    else:
        return replies, "closed"
    finally:
        writing.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writing
        connection.close()


async def _write(connection: Connection, pieces: list[bytes]) -> None:
    """Send the pieces as packets of their own."""
    for piece in pieces:
        connection.writer.write(piece)
        await connection.writer.drain()
        await asyncio.sleep(0.001 if piece is not pieces[-1] else 0)


async def fuzz(run: Run) -> None:
    """Send seeded cases, eight connections at a time; after each 500, a good request on a new one."""
    findings: list[Finding] = []
    counts: Counter[str] = Counter()
    good = 0
    total = run.size("cases")
    first = run.draw.randrange(1 << 40)
    async with target.serving(run.target, run.folder) as served:
        questions = run.oracle.questions(run.draw, count=50)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(seed: int) -> None:
            async with gate:
                case = mutations.case(questions, random.Random(seed))  # noqa: S311 - seeded cases
                try:
                    finding, seen = await judge(run, served.port, case, seed)
                except OSError as error:
                    finding, seen = Finding(seed, "crash", type(error).__name__), Counter[str]()
                counts.update(seen)
                if finding is not None:
                    findings.append(finding)

        for start in range(0, total, 500):
            await asyncio.gather(*(one(first + number) for number in range(start, min(start + 500, total))))
            question = questions[start % len(questions)]
            reply = await wire.once(served.port, question.request("good"))
            good += reply.status == 200 and not question.wrong(reply, "good")
        alive = served.alive
    run.number += total
    kinds = Counter(each.kind for each in findings)
    for kind in KINDS:
        examples = [f"{each.detail} (seed {each.seed})" for each in findings if each.kind == kind][:3]
        run.check(
            f"no case with: {kind}",
            not kinds[kind],
            f"{kinds[kind]}: {'; '.join(examples)}" if examples else 0,
        )
    every = -(-total // 500)
    run.check("good requests in between were answered right", good == every, f"{good} of {every}")
    run.check("the process did not end", alive, alive)
    run.notes["h11 and answers"] = ", ".join(f"{count} x {name}" for name, count in counts.most_common(12))
    run.notes["seeds"] = ", ".join(str(each.seed) for each in findings[:_MOST_KEPT]) or "none to repeat"


RAW = Scenario(
    name="fuzz-http",
    action="mutated requests: bytes, lines, lengths, codings, chunks, smuggling, pipelined and in pieces",
    load="8 connections at a time",
    passes="0 crashes, 0 5xx, 0 wrong acceptances; the connection's state is what h11 says",
    unit="cases",
    full={"cases": 10_000},
    short={"cases": 600},
    parts=10,
    minutes=4,
    act=fuzz,
)
SCENARIOS = (RAW,)
