"""Bodies that are too large, too deep, too many, or not what the model takes."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.torture.pod import processes, target, wire
from tests.torture.pod.scenario import Run, Scenario
from tests.torture.pod.target import Served
from tests.torture.pod.wire import Connection, Reply, request

_MEBIBYTE = 1 << 20
_PIECE = 1 << 16
_PATIENCE_SECONDS = 60.0
_NAMES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
_PROBLEM = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Abuse:
    """One bad request.

    Attributes:
        name: What it is.
        head: Up to and with the empty line.
        pieces: The body; may be endless, and is sent until the server answers or closes.
    """

    name: str
    head: bytes
    pieces: Iterable[bytes]

    @classmethod
    def of(cls, name: str, body: bytes, **headers: str) -> Abuse:
        """One with a body of known length."""
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        whole = request("POST", "/predict", body, given)
        return cls(name, whole[: len(whole) - len(body)], (body,))


class _Endless:
    """A body without an end; each time it is asked, from the start."""

    def __init__(self, piece: bytes, times: int | None = None) -> None:
        self._piece, self._times = piece, times

    def __iter__(self) -> Iterator[bytes]:
        return (
            itertools.repeat(self._piece)
            if self._times is None
            else itertools.repeat(self._piece, self._times)
        )


def cases(scale: float) -> list[Abuse]:
    """All of them.

    Args:
        scale: 1 for the sizes of the plan; less makes the largest of them smaller.
    """
    post = {"Content-Type": "application/json"}
    two_gibibytes = request("POST", "/predict", None, {**post, "Content-Length": str(2 << 30)})
    chunked = request("POST", "/predict", None, {**post, "Transfer-Encoding": "chunked"})
    spaces = b" " * _PIECE
    chunk = b"%x\r\n" % _PIECE + spaces + b"\r\n"
    deep, many = round(100_000 * scale), round(1_000_000 * scale)
    keys = ",".join(f'"k{number}":1' for number in range(many))
    few_keys = ",".join(f'"k{number}":1' for number in range(50_000))
    bomb = gzip.compress(b" " * round(1_024 * _MEBIBYTE * scale), 9)
    repeated = ",".join(['"instances":[[1,1,1,1]]'] * 20_000)
    found = [
        Abuse("Content-Length of 2 GiB", two_gibibytes, _Endless(spaces, (2 << 30) // _PIECE)),
        Abuse("chunks without an end", chunked, _Endless(chunk)),
        Abuse("tiny chunks without an end", chunked, _Endless(b"1\r\n \r\n" * 1_000)),
        Abuse.of(f"arrays nested {deep:,} deep", b"[" * deep + b"]" * deep),
        Abuse.of(f"objects nested {deep:,} deep", b'{"a":' * deep + b"1" + b"}" * deep),
        Abuse.of(f"nested {deep:,} deep in instances", b'{"instances":' + b"[" * deep + b"]" * deep + b"}"),
        Abuse.of(f"{many:,} keys", f"{{{keys}}}".encode()),
        Abuse.of("50,000 keys in a row", f'{{"instances":[{{{few_keys}}}]}}'.encode()),
        Abuse.of("one key 20,000 times", f"{{{repeated}}}".encode()),
        Abuse.of("gzip bomb", bomb, Content_Encoding="gzip"),
        Abuse.of("gzip that is none", b"[5.1,3.5,1.4,0.2]", Content_Encoding="gzip"),
        Abuse.of("an encoding nobody knows", b"[5.1,3.5,1.4,0.2]", Content_Encoding="rot13"),
        Abuse.of("a number of 100,000 digits", b'{"instances":[[1,1,1,' + b"9" * 100_000 + b"]]}"),
        Abuse.of("a string of 900,000 characters", b'{"instances":[["' + b"x" * 900_000 + b'",1,1,1]]}'),
        Abuse.of("200,000 rows", b'{"instances":[' + b",".join([b"[]"] * 200_000) + b"]}"),
    ]
    return [*found, *(Abuse.of(name, body) for name, body in _wrong()), *_wrong_types()]


def _wrong() -> Iterator[tuple[str, bytes]]:
    """Small bodies that say something else than rows of four finite numbers."""
    for value in (
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        '"NaN"',
        '"5.1"',
        "true",
        "null",
        "[]",
        "{}",
    ):
        yield f"{value} as a number", b'{"instances":[[5.1,3.5,1.4,%s]]}' % value.encode()
    row = dict.fromkeys(_NAMES, 1.0)
    yield "a row too short", b'{"instances":[[5.1,3.5,1.4]]}'
    yield "a row too long", b'{"instances":[[5.1,3.5,1.4,0.2,1]]}'
    yield "rows of two lengths", b'{"instances":[[5.1,3.5,1.4,0.2],[1]]}'
    yield "an axis too many", b'{"instances":[[[5.1,3.5,1.4,0.2]]]}'
    yield "an axis too few", b'{"instances":[5.1,3.5,1.4,0.2]}'
    yield "an unknown field", json.dumps({"instances": [{**row, "color": 1}]}).encode()
    yield "a missing field", json.dumps({"instances": [dict.fromkeys(_NAMES[1:], 1.0)]}).encode()
    yield "a key twice", b'{"instances":[[1,1,1,1]],"instances":[[5.1,3.5,1.4,0.2]]}'
    yield "a further key", b'{"instances":[[5.1,3.5,1.4,0.2]],"more":1}'
    yield "no row", b'{"instances":[]}'
    yield "nothing", b""
    yield "half a document", b'{"instances":[[5.1,3.5'
    yield "two documents", b'{"instances":[[5.1,3.5,1.4,0.2]]}{}'
    yield "not UTF-8", b'{"instances":[["\xff\xfe",1,1,1]]}'
    yield "a lone surrogate", b'{"instances":[["\\ud800",1,1,1]]}'
    yield "a byte order mark", b'\xef\xbb\xbf{"instances":[[5.1,3.5,1.4,0.2]]}'
    yield "UTF-16", '{"instances":[[5.1,3.5,1.4,0.2]]}'.encode("utf-16")
    yield "a pickle", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e."
    yield "single quotes", b"{'instances':[[5.1,3.5,1.4,0.2]]}"
    yield "a comment", b'{"instances":[[5.1,3.5,1.4,0.2]]/**/}'
    yield "a trailing comma", b'{"instances":[[5.1,3.5,1.4,0.2],]}'
    yield "leading zeros", b'{"instances":[[05.1,3.5,1.4,0.2]]}'
    yield "hexadecimal", b'{"instances":[[0x5,3.5,1.4,0.2]]}'


def _wrong_types() -> Iterator[Abuse]:
    body = b'{"instances":[[5.1,3.5,1.4,0.2]]}'
    for media_type in (
        "text/plain",
        "text/xml",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ):
        yield Abuse.of(f"JSON as {media_type}", body, Content_Type=media_type)
    for name in ("latin-1", "utf-16"):
        yield Abuse.of(f"JSON in {name}", body, Content_Type=f"application/json; charset={name}")


async def send(port: int, abuse: Abuse) -> Reply | str:
    """Send it until the server answers; the answer, or what came instead of one."""
    connection = await Connection.open(port)
    answer = asyncio.ensure_future(wire.reply(connection.reader))
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            connection.writer.write(abuse.head)
            for piece in abuse.pieces:
                connection.writer.write(piece)
                await asyncio.wait(
                    {answer, drained := asyncio.ensure_future(connection.writer.drain())},
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if answer.done() or (drained.done() and drained.exception()):
                    drained.cancel()
                    break
            return await answer
    except TimeoutError:
        return "no answer in 60 s"
    except (OSError, wire.WireError) as error:
        return f"no answer: {type(error).__name__} {error}"
    finally:
        answer.cancel()
        connection.close()


async def abuse(run: Run) -> None:
    """Every bad body alone, then twenty at a time."""
    bodies = cases(run.sizes["scale"])
    async with target.serving(run.target, run.folder) as served:
        question = run.oracle.questions(run.draw)[0]
        for number in range(20):  # what the first requests allocate is not theirs
            await wire.once(served.port, question.request(f"warm-{number}"))
        base = processes.resident_bytes(served.pid)
        peak = asyncio.create_task(_peak(served))
        answers = [(each.name, await send(served.port, each)) for each in bodies]
        many = [each for each in bodies for _ in range(run.size("times"))]
        run.draw.shuffle(many)
        gate = asyncio.Semaphore(20)

        async def gated(each: Abuse) -> tuple[str, Reply | str]:
            async with gate:
                return each.name, await send(served.port, each)

        answers += await asyncio.gather(*(gated(each) for each in many))
        good = await wire.once(served.port, question.request("good"))
        alive = served.alive
        peak.cancel()
        grown = (await peak - base) / _MEBIBYTE
    run.number += len(answers)
    refused = [
        (name, found) for name, found in answers if not isinstance(found, str) and 400 <= found.status < 500
    ]
    bad = sorted(
        {
            f"{name}: {found if isinstance(found, str) else found.status}"
            for name, found in answers
            if (name, found) not in refused
        }
    )
    run.check("every one was answered with 4xx", not bad, "; ".join(bad) or "all")
    plain = sorted(
        {
            name
            for name, found in refused
            if not isinstance(found, str) and found.headers.get(b"content-type") != _PROBLEM
        }
    )
    run.check("every answer is a problem document", not plain, "; ".join(plain) or "all")
    accepted = sorted({name for name, found in answers if not isinstance(found, str) and found.status < 400})
    run.check("none was accepted", not accepted, "; ".join(accepted) or "none")
    run.check("memory grew by at most 50 MiB", grown <= 50, f"{grown:.0f} MiB", figure=True)
    right = good.status == 200 and not question.wrong(good, "good")
    run.check("a good request is answered right afterwards", right, good.status)
    run.check("the process did not end", alive, alive)


async def _peak(served: Served) -> int:
    """Highest resident memory until this is cancelled; bytes."""
    highest = 0
    try:
        while True:
            highest = max(highest, processes.resident_bytes(served.pid))
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return highest


ABUSE = Scenario(
    name="abuse",
    action="bodies of 2 GiB, without an end, nested 100,000 deep, with 1,000,000 keys, gzip bombs, NaN, "
    "wrong types and shapes; each alone, then 20 at a time",
    load="the bodies themselves",
    passes="all 4xx problem documents; memory + at most 50 MiB; not restarted",
    unit="bodies",
    full={"scale": 1, "times": 20},
    short={"scale": 0.05, "times": 1},
    minutes=3,
    act=abuse,
)
SCENARIOS = (ABUSE,)
