"""The load beside a block: started, ended, read back."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.cluster import questions
from tests.torture.cluster.questions import Question
from tests.torture.cluster.sender import KINDS, Call, Kind, Order

ROOT = Path(__file__).resolve().parents[3]
# Of the sender's own lateness, 99 %: later, and it no longer sends the load that it says it does.
LATEST_SECONDS = 0.02
_LONGEST_END = 30.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests of a load."""

    calls: Sequence[Call]

    @property
    def failed(self) -> list[Call]:
        """Requests without the right answer."""
        return [call for call in self.calls if call.outcome != "right"]

    @property
    def late(self) -> float:
        """Seconds after their intended time within which 99 % were taken up."""
        return quantile(self.calls, 0.99, lambda call: call.late)

    def why(self, since: float = 0.0) -> str:
        """Failures by cause, with the time of the first of each, for people."""
        found: dict[str, list[Call]] = {}
        for call in self.failed:
            found.setdefault(f"{call.outcome} ({call.kind})", []).append(call)
        ordered = sorted(found.items(), key=lambda item: -len(item[1]))[:5]
        return (
            ", ".join(
                f"{len(calls)} x {cause} from {min(c.intended for c in calls) - since:.1f} s"
                for cause, calls in ordered
            )
            or "none"
        )

    def between(self, start: float, end: float) -> Tally:
        """Part of it, by intended time."""
        return Tally([call for call in self.calls if start <= call.intended < end])

    def versions(self) -> Counter[str]:
        """Right answers by the version that they name."""
        return Counter(call.version for call in self.calls if call.outcome == "right")

    def servers(self) -> Counter[str]:
        """Answers on kept connections by the process that gave them, as far as it is known."""
        return Counter(call.server for call in self.calls if call.server)


def quantile(
    calls: Sequence[Call], share: float, of: Callable[[Call], float] = lambda call: call.seconds
) -> float:
    """Seconds (latency, unless told otherwise) that this share of calls did not exceed; NaN of none."""
    if not calls:
        return math.nan
    ordered = sorted(map(of, calls))
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Sending:
    """A load under way; after its block, `tally` holds the requests.

    Attributes:
        began: Monotonic seconds.
        tally: Empty until the load has ended.
    """

    began: float
    tally: Tally = field(default_factory=lambda: Tally(()))

    def hold(self, seconds: float) -> None:
        """Wait until the load is so old."""
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))


@contextmanager
def sending(
    address: tuple[str, int],
    asked: Sequence[Question],
    rate: float,
    *,
    headers: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    kinds: tuple[Kind, ...] = KINDS,
) -> Iterator[Sending]:
    """Send beside the block until its end.

    Args:
        address: Of the Service.
        asked: Questions, taken in turn.
        rate: Requests per second.
        headers: More headers.
        retry_after: As in `Order`.
        kinds: As in `Order`.
    """
    with tempfile.TemporaryDirectory(prefix="torture-load-") as name:
        folder = Path(name)
        questions.write(asked, folder / "questions.json")
        order = Order(
            *address, rate, str(folder / "questions.json"), str(folder / "calls"), dict(headers or {}),
            retry_after, kinds,
        )  # fmt: skip
        argv = [sys.executable, "-m", "tests.torture.cluster.sender", json.dumps(asdict(order))]
        with subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "sending\n", "the sender did not start"
            found = Sending(time.monotonic())
            try:
                yield found
            finally:
                process.stdin.close()
                status = process.wait(_LONGEST_END)
        assert status == 0, f"the sender ended with {status}"
        found.tally = Tally([_call(json.loads(line)) for line in (folder / "calls").read_text().splitlines()])


def _call(found: dict[str, Any]) -> Call:
    return Call(**found)
