"""The load of the cluster's torture says what really became of its requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.torture.cluster import questions, sender
from tests.torture.cluster.load import Tally, quantile
from tests.torture.cluster.questions import Answer, Question
from tests.torture.cluster.sender import Call, Order, Sender
from tests.torture.cluster.watch import Seen, Watch, pod

FIRST, SECOND = Answer([0], [[0.75, 0.25]]), Answer([0], [[0.5, 0.5]])
QUESTION = Question(b'{"instances": [[1.0]]}', {"a": FIRST, "b": SECOND})


def body(version: str, answer: Answer, request_id: str = "call-1") -> bytes:
    """What a pod of a version would say."""
    found = {"predictions": answer.predictions, "probabilities": answer.probabilities, "id": request_id}
    return json.dumps({**found, "model": {"name": "m", "version": version}}).encode()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (body("a", FIRST), ""),
        (body("b", SECOND), ""),
        (body("a", SECOND), "another answer than the version's"),
        (body("a", Answer([1], [[0.75, 0.25]])), "another answer than the version's"),
        (body("a", Answer([0], [[0.75, 0.25 + 1e-8]])), "another answer than the version's"),
        (body("c", FIRST), "an unknown version answered"),
        (body("a", FIRST, "call-2"), "the answer to another request"),
        (b'{"detail": "no"}', "no prediction"),
        (b"", "no prediction"),
    ],
)
def test_an_answer_must_be_that_of_the_version_it_names(said: bytes, wrong: str) -> None:
    """Another version's answer, another request's, and none at all are three different faults."""
    assert QUESTION.judge(said, "call-1")[0] == wrong


def test_questions_come_back_as_they_were_written(tmp_path: Path) -> None:
    """The program that sends them judges by what was drawn."""
    questions.write([QUESTION], tmp_path / "q")
    assert questions.read(tmp_path / "q") == [QUESTION]


Reply = Callable[[int, bytes], bytes]


def sent(reply: Reply, *, seconds: float = 0.4, rate: float = 50, retry: float | None = None) -> list[Call]:
    """Send to a server that answers the n-th request so; an empty answer closes the connection."""

    async def main() -> list[Call]:
        count = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    await reader.readexactly(len(QUESTION.body))
                    count += 1
                    if not (content := reply(count, head)):
                        break
                    writer.write(content)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        player = Sender(Order("127.0.0.1", port, rate, "", "", retry_after=retry), [QUESTION])
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        await player.run(over)
        server.close()
        await asyncio.sleep(0.05)  # both sides say goodbye
        return player.calls

    return asyncio.run(main())


def right(number: int, head: bytes, version: str = "a") -> bytes:
    """A whole answer."""
    del number
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
    request_id = lines.get(b"X-Request-Id", b"0123456789abcdef00000001").decode()
    content = body(version, FIRST, request_id)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


def test_right_answers_are_right_on_new_and_kept_connections() -> None:
    """Half of the requests are of each kind; ids that the server made tell the process."""
    calls = sent(right)
    assert {call.outcome for call in calls} == {"right"}
    kinds = [call.kind for call in calls]
    assert abs(kinds.count("new") - kinds.count("kept")) <= 1
    assert Tally(calls).servers().keys() == {"0123456789abcdef"}


def test_a_connection_that_is_closed_without_an_answer_is_a_failure_with_a_cause() -> None:
    """It is not repeated unless that is asked for; a retry does not make it right."""
    calls = sent(lambda number, head: b"" if number == 5 else right(number, head))
    (failed,) = Tally(calls).failed
    assert "no answer" in failed.outcome
    assert not failed.retried
    (again,) = Tally(sent(lambda n, head: b"" if n == 5 else right(n, head), retry=0.01)).failed
    assert again.retried == "right"


def test_an_error_status_and_a_false_version_are_failures() -> None:
    """Refusals are failures here, too."""
    calls = sent(lambda _number, _head: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    assert {call.outcome for call in calls} == {"status 503"}
    wrong = sent(lambda number, head: right(number, head, "b"))
    assert {call.outcome for call in wrong} == {"another answer than the version's"}


def test_latency_counts_from_the_intended_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer in time is a failure after the time-out, and the load goes on meanwhile."""
    monkeypatch.setattr(sender, "SECONDS", 0.1)
    calls = sent(lambda number, head: b"HTTP/1.1 100 Wait\r\n\r\n" if number == 3 else right(number, head))
    (failed,) = Tally(calls).failed
    assert failed.outcome == "time-out"
    assert failed.seconds >= 0.1
    assert len(calls) >= 15


def test_quantiles_are_values_that_occurred() -> None:
    """The 99th percentile of 100 calls is the 99th of them."""
    calls = [Call(0.0, number / 100, "new", "right") for number in range(100, 0, -1)]
    assert quantile(calls, 0.99) == pytest.approx(0.99)


def test_pods_that_end_are_not_ready() -> None:
    """A pod with a time of deletion does not count, whatever its condition says."""
    found: dict[str, Any] = {
        "metadata": {"name": "x", "labels": {"app.kubernetes.io/version": "a"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.1"},
    }
    going = {**found, "metadata": {**found["metadata"], "deletionTimestamp": "2026-11-30T00:00:00Z"}}
    looks = [Seen(1.0, (pod(found), pod(found))), Seen(2.0, (pod(found), pod(going)))]
    seen = Watch(looks)
    assert [look.ready for look in looks] == [2, 1]
    assert (seen.fewest(), seen.fewest(3.0)) == (1, 0)
    assert seen.first(lambda look: look.ready == 1) == 2.0
