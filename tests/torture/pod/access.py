"""Who gets in: every credential of the matrix at every route, and what the time of a refusal tells."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Sequence

from tests.torture.pod import credentials, target, wire
from tests.torture.pod.credentials import Credential, Groups
from tests.torture.pod.scenario import Run, Scenario
from tests.torture.pod.target import Served
from tests.torture.pod.wire import Connection, request
from tests.unit.serving.access import made

_PROBES = {"/livez", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"}
_METHODS = {"get", "post"}
_CROPPED = 0.95  # slower ones are the machine's, and would hide what the pod does
_MOST_T = 3.29  # |t| beyond which equal means would be one chance in a thousand


async def matrix(run: Run) -> None:
    """Send every credential to every route, in both headers; then time two kinds of wrong key."""
    if run.target.name != "ekiben":
        run.not_tested("stock BentoML knows no callers: every route answers everybody")
    folder = run.folder / "access"
    folder.mkdir()
    credentials.write(folder)
    settings = {"EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(folder)}
    async with target.serving(run.target, run.folder, **settings) as served:
        routes = await _routes(served)
        tried = credentials.matrix(run.draw)
        if run.size("every") > 1:
            tried = tried[:: run.size("every")]
        wrong, bodies = await _decisions(served, tried, routes)
        t = await _welch(served, run.size("timed"))
        question = run.oracle.questions(run.draw)[0]
        key = {"X-API-Key": made.key_text("web")}
        good = await wire.once(served.port, request("POST", "/predict", question.body, key))
        alive = served.alive
    run.number += len(tried) * len(routes) * 2
    run.check("no wrong decision", not wrong, f"{len(wrong)}: {'; '.join(wrong[:5])}" if wrong else 0)
    run.check(
        "one body and one set of headers for all that are unknown, per protocol", not bodies, bodies or "yes"
    )
    run.check("the matrix has 200 credentials", run.size("every") > 1 or len(tried) >= 200, len(tried))
    run.check(
        "unknown and wrong keys take the same time", abs(t) <= _MOST_T, f"Welch's t = {t:.2f}", figure=True
    )
    run.check("a good key is answered right afterwards", not question.wrong(good, _id(good)), good.status)
    run.check("the process did not end", alive, alive)
    run.notes["routes"] = str(len(routes))


def _id(reply: wire.Reply) -> str:
    return reply.headers.get(b"x-request-id", b"").decode()


async def _routes(served: Served) -> list[tuple[str, str, str | None]]:
    """Method, path and the group that it needs (None: a probe), from the pod's own description."""
    key = {"X-API-Key": made.key_text("all")}
    found = await wire.once(served.port, request("GET", "/openapi.json", None, key))
    routes: list[tuple[str, str, str | None]] = [
        ("GET", "/openapi.json", "metadata"),
        ("GET", "/docs", "metadata"),
    ]
    for path, operations in json.loads(found.body)["paths"].items():
        for method in operations:
            if method in _METHODS and (method.upper(), path) not in {each[:2] for each in routes}:
                routes.append((method.upper(), path, _group(path, method)))
    return routes


def _group(path: str, method: str) -> str | None:
    """The group that a route must need."""
    if path in _PROBES:
        return None
    if method == "post":
        return "explain" if path.endswith("explain") else "predict"
    return "metadata"


async def _decisions(
    served: Served, tried: Sequence[Credential], routes: Sequence[tuple[str, str, str | None]]
) -> tuple[list[str], str]:
    """Wrong decisions, and the first route whose refusals differ."""
    wrong: list[str] = []
    differ = ""
    connection = await Connection.open(served.port)
    for method, path, group in routes:
        seen: set[tuple[bytes, bytes, bytes]] = set()
        for each in tried:
            for header in (b"X-API-Key: ", b"Authorization: Bearer "):
                head = request(method, path, b"{}" if method == "POST" else None, {"X-Request-Id": "same"})
                content = head.replace(b"\r\n", b"\r\n" + header + each.text + b"\r\n", 1)
                if connection.ended:
                    connection = await Connection.open(served.port)
                reply = await connection.ask(content)
                if reply.closing:
                    connection.close()
                    connection = await Connection.open(served.port)
                if _is_wrong(reply.status, each, group, content):
                    wrong.append(f"{each.name} at {method} {path}: {reply.status}")
                elif reply.status == 401:
                    challenge = reply.headers.get(b"www-authenticate", b"")
                    seen.add((reply.body, challenge, reply.headers.get(b"content-type", b"")))
        if len(seen) > 1:
            differ = differ or f"{method} {path} refuses in {len(seen)} ways"
    connection.close()
    return wrong, differ


def _is_wrong(status: int, credential: Credential, group: str | None, content: bytes) -> bool:
    """Whether the status is not the one that the matrix says."""
    if group is None:
        return status in {401, 403}
    groups: Groups | None = credential.groups
    if groups is None:
        broken = any(byte < 0x20 and byte != 0x09 for byte in credential.text)  # no header can hold it
        return (
            status != 401 and not (broken and status == 400) and not (len(content) > 8_000 and status == 431)
        )
    return status in {401, 403} if group in groups else status != 403


async def _welch(served: Served, number: int) -> float:
    """Welch's t of the times of refusals: a key of an unknown id, and one of a known id with a wrong secret.

    Source: https://doi.org/10.1093/biomet/34.1-2.28 (Welch, 1947)
    """
    contents = [
        request("POST", "/predict", b"[1,1,1,1]", {"X-API-Key": text})
        for text in (made.key_text("nobody", 1), made.key_text("web", 1))
    ]
    times: list[list[float]] = [[], []]
    connection = await Connection.open(served.port)
    for place in range(2 * number):
        kind = (place + place // 2) % 2  # 0 1 1 0: neither kind always follows the other
        if connection.ended:
            connection = await Connection.open(served.port)
        began = time.perf_counter()
        reply = await connection.ask(contents[kind])
        times[kind].append(time.perf_counter() - began)
        if reply.closing:
            connection.close()
    connection.close()
    limit = sorted([*times[0], *times[1]])[int(_CROPPED * 2 * number) - 1]
    first, second = ([each for each in kind if each <= limit] for kind in times)
    spread = statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
    return (statistics.fmean(first) - statistics.fmean(second)) / math.sqrt(spread)


ACCESS = Scenario(
    name="access",
    action="over 200 keys and tokens at every route, in both headers; 10,000 timed refusals of two kinds",
    load="the credentials themselves",
    passes="0 wrong decisions; refusals alike in body and in time (Welch's t, |t| <= 3.29)",
    unit="decisions",
    full={"every": 1, "timed": 10_000},
    short={"every": 9, "timed": 100},
    minutes=1,
    act=matrix,
)
SCENARIOS = (ACCESS,)
