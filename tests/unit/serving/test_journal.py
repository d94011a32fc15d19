"""The access log and its queue, over a real pipe."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator

import pytest

from ekiben.serving import journal
from ekiben.serving.ended import Ended
from ekiben.serving.journal import LOG, SPAN, Journal
from ekiben.serving.tracing import Trace

_LONG = 30.0  # seconds; the thread shares a busy machine


class Pipe:
    """A log's output, and what was not written to it."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self.dropped: Counter[str] = Counter()
        self.now = 0.0
        self._journals: list[Journal] = []
        self._open = {self.read, self.write}

    def journal(
        self, ratio: float = 1.0, spans: journal.Spans | None = None, per_second: int = 100_000
    ) -> Journal:
        found = Journal(
            ratio, self._drop, spans, output=self.write, clock=lambda: self.now, per_second=per_second
        )
        self._journals.append(found)
        return found

    def text(self) -> bytes:
        """Everything written until the output is closed."""
        self.close(self.write)
        with os.fdopen(self.read, "rb", closefd=False) as file:
            return file.read()

    def end(self) -> None:
        """Let all threads end before another pipe gets these numbers."""
        self.close(self.read)  # whoever is writing gets an error
        for each in self._journals:
            each.close(_LONG)
        self.close(self.write)

    def close(self, end: int) -> None:
        """Close an end, once."""
        if end in self._open:
            self._open.remove(end)
            os.close(end)

    def _drop(self, reason: str) -> None:
        self.dropped[reason] += 1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe of its own."""
    found = Pipe()
    yield found
    found.end()


def ended(number: int = 0) -> Ended:
    return Ended(
        1_700_000_000.25, "/predict", "POST", 200, 0.0012345678, f"id-{number}",
        Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True),
        caller="k" * 500, rows=3, request_bytes=17, response_bytes=42,
    )  # fmt: skip


def test_a_line_has_these_fields(pipe: Pipe) -> None:
    """One JSON object per line; a caller's name is cut."""
    found = pipe.journal()
    found.tell(ended(), LOG)
    found.close(_LONG)
    text = pipe.text()
    assert text.count(b"\n") == 1
    assert json.loads(text) == {
        "time": "2023-11-14T22:13:20.250000Z",
        "request_id": "id-0",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "route": "/predict",
        "method": "POST",
        "status": 200,
        "duration_seconds": 0.001235,
        "rows": 3,
        "caller": "k" * 128,
        "request_bytes": 17,
        "response_bytes": 42,
    }


def test_what_was_told_before_the_end_is_written(pipe: Pipe) -> None:
    """A thousand lines, in order, more than a pipe takes at once; and one that comes later."""
    found = pipe.journal()
    reader: list[bytes] = []
    for number in range(1_000):
        found.tell(ended(number), LOG)
    while sum(part.count(b"\n") for part in reader) < 1_000:
        reader.append(os.read(pipe.read, 1 << 16))
    found.tell(ended(1_000), LOG)
    found.close(_LONG)
    lines = (b"".join(reader) + pipe.text()).splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == [f"id-{number}" for number in range(1_001)]
    assert not pipe.dropped


def test_the_sample_is_as_large_as_was_said(pipe: Pipe) -> None:
    """Of 20,000 successful requests a tenth, within five standard deviations (212); 0 and 1 are exact."""
    tenth, none, every = pipe.journal(0.1), pipe.journal(0.0), pipe.journal(1.0)
    assert abs(sum(tenth.wants(200) for _ in range(20_000)) - 2_000) < 5 * 42.5
    assert not any(none.wants(200) for _ in range(1_000))
    assert all(every.wants(204) == LOG for _ in range(1_000))


def test_errors_are_written_up_to_a_rate(pipe: Pipe) -> None:
    """Ten refusals and ten failures each second whatever the ratio; the others are counted."""
    found = pipe.journal(0.0)
    for second in range(3):
        pipe.now = float(second)
        assert sum(found.wants(422) for _ in range(100)) == 10
        assert sum(found.wants(500) for _ in range(4)) == 4
        assert sum(found.wants(499) for _ in range(5)) == 0
        assert sum(found.wants(503) for _ in range(10)) == 6
    assert pipe.dropped == {"rate": 3 * (90 + 5 + 4)}


@pytest.mark.parametrize(("ratio", "per_second"), [(1.0, 100), (0.5, 100), (1.0, 0)])
def test_successes_are_written_up_to_a_rate(pipe: Pipe, ratio: float, per_second: int) -> None:
    """However many are sampled; the others are counted, and take no line from the errors."""
    found = pipe.journal(ratio, per_second=per_second)
    for second in range(3):
        pipe.now = float(second)
        assert sum(found.wants(200) == LOG for _ in range(1_000)) == per_second
        assert sum(found.wants(status) == LOG for status in (422, 500) for _ in range(5)) == 10
    sampled = 3_000 * ratio
    assert abs(pipe.dropped["rate"] - (sampled - 3 * per_second)) <= 5 * (3_000 * ratio * (1 - ratio)) ** 0.5
    assert set(pipe.dropped) == {"rate"}


def test_spans_have_no_part_in_the_rate_of_lines(pipe: Pipe) -> None:
    """A trace is whole also where the log has had its share."""
    found = pipe.journal(1.0, Spans(), per_second=1)
    trace = Trace("1" * 32, "2" * 16, sampled=True)
    assert [found.wants(200, trace) for _ in range(3)] == [LOG | SPAN, SPAN, SPAN]


def test_a_reader_that_stopped_holds_nobody_up(pipe: Pipe) -> None:
    """Nobody reads: the pipe and the queue fill to their bounds, the rest is counted, nothing waits."""
    found = pipe.journal()
    for number in range(20_000):
        found.tell(ended(number), LOG)
    unread = 20_000 - pipe.dropped["queue"]
    assert 4_096 <= unread < 4_096 * 3


def test_an_output_that_is_closed_is_counted(pipe: Pipe) -> None:
    """The thread outlives it."""
    found = pipe.journal()
    pipe.close(pipe.read)
    for number in range(3):
        found.tell(ended(number), LOG)
    found.close(_LONG)
    assert pipe.dropped == {"output": 3}


class Spans:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.closed = False

    def wants(self, trace: Trace | None) -> bool:
        return trace is not None

    def make(self, ended: Ended) -> None:
        self.made.append(ended.request_id)

    def close(self) -> None:
        self.closed = True


def test_lines_and_spans_are_wanted_apart(pipe: Pipe) -> None:
    """A request may be told of in both, in one, or in none."""
    spans = Spans()
    trace = Trace("1" * 32, "2" * 16, sampled=True)
    silent = pipe.journal(0.0, spans)
    assert [silent.wants(200), silent.wants(200, trace), silent.wants(500, trace)] == [0, SPAN, LOG | SPAN]
    for number, wanted in enumerate((SPAN, LOG, LOG | SPAN)):
        silent.tell(ended(number), wanted)
    silent.close(_LONG)
    assert (spans.made, spans.closed) == (["id-0", "id-2"], True)
    logged = [json.loads(line)["request_id"] for line in pipe.text().splitlines()]
    assert logged == ["id-1", "id-2"]
