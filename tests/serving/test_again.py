"""Requests whose heads the pod has read before: answered as if it had not."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running
from tests.serving.wire import ROW, Wire, chunked, predict, prediction
from tests.unit.serving.access import made

WRONG = b"[5.1,3.5,1.4,NaN]"
OTHER = b"[6.7,3.1,5.6,2.4]"  # a flower of another class, as long as ROW


@pytest.fixture
def wire(pod: Pod) -> Iterator[Wire]:
    with Wire(pod) as found:
        yield found


def test_the_same_head_and_another_body(wire: Wire) -> None:
    """Each body gets its own answer and id, however often its head was seen; a wrong one is refused."""
    bodies = [ROW, OTHER, WRONG, ROW, b"{}", OTHER] * 4
    found = [wire.ask(predict(body)) for body in bodies]
    expected = {ROW: (200, 0), OTHER: (200, 2), WRONG: (400, None), b"{}": (422, None)}
    told = [(each.status, json.loads(each.body).get("prediction")) for each in found]
    assert told == [expected[body] for body in bodies]
    assert len({each.headers[b"x-request-id"] for each in found}) == len(found)


def test_a_known_head_may_be_cut_anywhere(wire: Wire) -> None:
    """Its bytes in two pieces, cut at every place, are the same request."""
    wire.ask(predict())
    content = predict(OTHER)
    for place in range(1, len(content)):
        wire.send(content[:place])
        time.sleep(0.0005)
        assert prediction(wire.ask(content[place:])) == 2


def test_known_heads_may_be_pipelined(wire: Wire) -> None:
    """Several at once, whole and begun, with others among them: answered in order."""
    wire.ask(predict())
    wire.send(predict() + predict(OTHER), predict(OTHER) + chunked([ROW]) + predict()[:-3])
    wire.send(ROW[-3:] + predict(OTHER))
    assert [prediction(wire.answer()) for _ in range(6)] == [0, 2, 2, 0, 0, 2]


def test_a_head_is_not_taken_for_the_next_ones(wire: Wire) -> None:
    """Two requests in one piece teach nothing of the first by the second's fields."""
    wire.send(chunked([ROW]) + predict(OTHER))
    assert [prediction(wire.answer()) for _ in range(2)] == [0, 2]
    for _ in range(3):
        assert prediction(wire.ask(chunked([OTHER]))) == 2
        assert prediction(wire.ask(predict(ROW))) == 0


def test_nothing_follows_the_last_request(artefact: Path, tmp_path: Path) -> None:
    """After a request that closes, one with a known head is none: no answer, and no arrival is counted.

    The one that closes waits behind others of many rows; what follows it comes before its answer. The pod may
    wait for as long as a machine with other work needs: it would refuse them as too late otherwise.
    """
    large = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]] * 5_000}).encode()
    with running(artefact, tmp_path, EKIBEN_REQUEST_TIMEOUT_SECONDS="3600") as pod:

        def arrivals() -> float:
            return pod.count("http_server_arrivals_total", http_route="/predict")

        with contextlib.ExitStack() as stack:
            others = [stack.enter_context(Wire(pod)) for _ in range(30)]
            wire = stack.enter_context(Wire(pod))
            for each in (*others, wire):
                each.socket.settimeout(50)
            wire.ask(predict())
            for each in others:
                each.send(predict(large))
            wire.send(predict(large, b"Connection: close"))
            while arrivals() < 32:
                time.sleep(0.001)
            time.sleep(0.02)  # its head was read; now the rest of its body is
            wire.send(predict())
            assert [each.answer().status for each in (*others, wire)] == [200] * 31
            assert wire.closed()
        assert arrivals() == 32


def test_a_known_head_with_less_than_its_body_waits_for_the_rest(wire: Wire) -> None:
    """A length is believed as before: the next request begins where it ends."""
    wire.ask(predict())
    wire.send(predict()[:-1])
    time.sleep(0.05)
    wire.send(ROW[-1:] + predict(OTHER))
    assert [prediction(wire.answer()) for _ in range(2)] == [0, 2]


def test_connections_end_after_their_requests(artefact: Path, tmp_path: Path) -> None:
    """Known heads count too."""
    with running(artefact, tmp_path, EKIBEN_CONNECTION_REQUESTS="5") as pod, Wire(pod) as wire:
        ended = [wire.ask(predict()).headers.get(b"connection") for _ in range(5)]
        assert ended == [None] * 4 + [b"close"]
        assert wire.closed()


def test_a_known_head_lets_nobody_in(artefact: Path, tmp_path: Path) -> None:
    """A key that is taken back is refused on the connection and with the head that it was let in with."""
    access, key = tmp_path / "access", made.key_text("web")
    access.mkdir()
    made.write(access, "keys.json", made.key_file(made.key_record(key, ["predict"])))
    content = predict(ROW, b"X-API-Key: " + key.encode())
    more = {"EKIBEN_ACCESS": "required", "EKIBEN_ACCESS_DIR": str(access)}
    with running(artefact, tmp_path, **more) as pod, Wire(pod) as wire:
        assert [wire.ask(content).status for _ in range(3)] == [200] * 3
        made.write(access, "keys.json", made.key_file())
        end = time.monotonic() + 10
        while (found := wire.ask(content).status) == 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert found == 401


def test_a_known_head_has_a_rate(artefact: Path, tmp_path: Path) -> None:
    """Three at once are let in, as with heads that are new."""
    more = {"EKIBEN_RATE_PER_CALLER": "0.1", "EKIBEN_BURST_PER_CALLER": "3"}
    with running(artefact, tmp_path, **more) as pod, Wire(pod) as wire:
        assert [wire.ask(predict()).status for _ in range(5)] == [200] * 3 + [429] * 2
