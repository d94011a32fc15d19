"""Ways to and from zero: what counts the arrivals while there is no pod, and what holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ekiben.errors import ConfigError
from ekiben.scale.plan.quantity import Formula, Quantity

Name = Literal["holder", "counter", "own"]

_DOC = "docs/scaling.md, section 10"
_START = "schedule_seconds + pull_seconds + node_seconds + start_seconds + probe_seconds + endpoint_seconds"


@dataclass(frozen=True, slots=True)
class Way:
    """One way.

    Attributes:
        name: What decides who waits.
        title: Its components, for tables.
        says: What happens to the first requests, in a sentence.
        seen: What a request takes to be seen, as a name of an input; empty if nothing ever sees it.
        detect: From the request that wakes to the decision, as a formula; empty likewise.
        held: Whether something holds requests until a replica is ready.
    """

    name: Name
    title: str
    says: str
    seen: str
    detect: str
    held: bool

    @property
    def wakes(self) -> bool:
        """Whether anything ends a sleep."""
        return bool(self.detect)

    def check(self, known: Mapping[str, Quantity]) -> None:
        """Refuse a window in which a request could be missed, or be seen only after replicas went.

        A lone request leaves a rate above 0 for the window less one sample; KEDA looks once in
        `poll_seconds`, and may take the replicas while the next request's sample is still due.

        Raises:
            ConfigError: The window is shorter than two samples and a look.
        """
        if not self.wakes:
            return
        least = 2 * known[self.seen].value + known["poll_seconds"].value
        if known["window_seconds"].value < least:
            raise ConfigError(
                f"expected a window of at least two samples and a look, 2 * {self.seen} + poll_seconds = "
                f"{least:g} s, found {known['window_seconds'].value:g} s: a request could be missed",
                remedy=f"give --window-seconds {math.ceil(least)} or more, or a shorter --poll-seconds",
            )

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """Its times, in an order in which each takes only what stands above it."""
        late = Formula(
            "late_seconds", "s", "window_seconds + 2 * poll_seconds + drain_seconds",
            "from the end of the cool-down to replicas that are gone, at most",
            f"{_DOC}: the window must empty, a look must see it, a look must act, pods must drain",
        )  # fmt: skip
        if not self.wakes:
            return (late,)
        wake = Formula(
            "wake_seconds", "s", f"detect_seconds + {_START}",
            "from the request that wakes to a replica that takes traffic, at most", _DOC,
        )  # fmt: skip
        detect = Formula(
            "detect_seconds", "s", self.detect, "from the request that wakes to the decision, at most", _DOC
        )
        patience = Formula(
            "patience_seconds", "s", "min(hold_seconds, timeout_seconds)" if self.held else "0",
            "how long a request that finds no replica waits before it fails", _DOC,
        )  # fmt: skip
        return (late, detect, wake, patience)


WAYS: Mapping[Name, Way] = {
    "holder": Way(
        "holder",
        "KEDA and its HTTP add-on",
        "its interceptor holds each request until a replica is ready; who gives up before gets an error",
        "push_seconds",
        "push_seconds",
        held=True,
    ),
    "counter": Way(
        "counter",
        "KEDA, an ingress counts",
        "nothing holds requests: without an endpoint behind the Service they are refused, or answered 503, "
        "until a replica is ready",
        "scrape_seconds",
        "scrape_seconds + poll_seconds",
        held=False,
    ),
    "own": Way(
        "own",
        "KEDA, the pod counts",
        "without a pod nothing counts, so that nothing wakes it: from the first sleep on every request fails",
        "",
        "",
        held=False,
    ),
}
