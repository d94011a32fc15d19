"""From records to a measurement that says itself whether it is valid: pure.

Source: open loop and latency from the intended time, Gil Tene, "How NOT to Measure
Latency" (coordinated omission), https://www.youtube.com/watch?v=lJ8ydIuPFeU;
L = lambda W, J. D. C. Little, Operations Research 9(3), 1961.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError
from ekiben.scale.load.progress import quantile
from ekiben.scale.load.records import Outcome, Record, Sent

# A late sender adds its lag to every latency (it hides nothing) and makes arrivals burstier than drawn.
# 5 ms is one CFS period of a replica: a request moved by less cannot be told from the kernel's throttling.
# Above that, a tenth of the median latency is as much as a quantile may be wrong by.
LAG_BOUND_SECONDS = 0.005
_LAG_BOUND_OF_MEDIAN = 0.1
_LITTLE_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Quantiles of times, seconds; each is a value that occurred."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Quantiles | None:
        """Take them; None of no values."""
        ascending = sorted(values)
        if not ascending:
            return None
        p50, p95, p99 = (quantile(ascending, share) or 0.0 for share in (0.5, 0.95, 0.99))
        return cls(p50, p95, p99, ascending[-1])


@dataclass(frozen=True, slots=True)
class SecondSample:
    """One second of a load, by intended time.

    Attributes:
        time: Start of the second, seconds since the start of the load.
        offered: Requests meant to be sent in it.
        ok: Of these, answered rightly.
        failed: Of these, lost.
        p50_seconds: Their median latency; None without answers.
        p99_seconds: Their 99th percentile.
    """

    time: int
    offered: int
    ok: int
    failed: int
    p50_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True, slots=True)
class LoadMeasurement:
    """What a load measured.

    Attributes:
        started_at: Wall time of the start, seconds since the epoch.
        seed: Of send times and connection ages.
        seconds: Length of the load, seconds.
        planned: Requests in the schedule.
        sent: Requests taken up (all of them, unless interrupted).
        outcomes: Number by outcome; every outcome is a key.
        statuses: Answers received by HTTP status; of gRPC by the one that its code stands for
            (`ekiben.scale.load.channel`).
        latency: From the intended time, over all that were answered (whatever the status) or
            timed out (counted at their time-out); None if none was.
        lag: From the intended time until the generator took the request up.
        offered_rate: Requests per second that the schedule asked for.
        achieved_rate: Right answers per second.
        mean_outstanding: Requests under way, mean over time.
        connections: Connections opened.
        generator_cpu_seconds: CPU time of the generator per request, seconds.
        by_pod: Answers by pod, where the target's `pod_header` names it.
        interrupted: Stopped early; figures are of what was sent until then.
        reasons: Why the measurement is invalid; empty if it is valid.
        series: One sample per second.
    """

    started_at: float
    seed: int
    seconds: float
    planned: int
    sent: int
    outcomes: Mapping[str, int]
    statuses: Mapping[int, int]
    latency: Quantiles | None
    lag: Quantiles | None
    offered_rate: float
    achieved_rate: float
    mean_outstanding: float
    connections: int
    generator_cpu_seconds: float
    by_pod: Mapping[str, int]
    interrupted: bool
    reasons: tuple[str, ...]
    series: tuple[SecondSample, ...]

    @property
    def valid(self) -> bool:
        """Whether the generator kept to its schedule, so that latencies are the service's."""
        return not self.reasons

    @property
    def ok(self) -> int:
        """Requests answered rightly."""
        return self.outcomes["ok"]

    @property
    def failed(self) -> int:
        """Requests lost: no connection, over the time-out, not 2xx, a wrong answer, or not sent."""
        return sum(number for name, number in self.outcomes.items() if name not in ("ok", "pending"))

    @property
    def answered(self) -> int:
        """Requests for which a whole answer came, whatever its status."""
        return sum(self.statuses.values())

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LoadMeasurement:
        """Read what `to_json` gave.

        Raises:
            ConfigError: It has another form.
        """
        try:
            fields = {field.name: document[field.name] for field in dataclasses.fields(cls)}
            return cls(
                **fields
                | {
                    "statuses": {int(status): number for status, number in document["statuses"].items()},
                    "latency": Quantiles(**document["latency"]) if document["latency"] else None,
                    "lag": Quantiles(**document["lag"]) if document["lag"] else None,
                    "reasons": tuple(document["reasons"]),
                    "series": tuple(SecondSample(**sample) for sample in document["series"]),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"expected a load measurement as JSON, found another form: {error}",
                remedy="measure again: ekiben loadtest",
            ) from error

    def to_json(self) -> dict[str, Any]:
        """Give everything as JSON types."""
        document = dataclasses.asdict(self)
        document["statuses"] = {str(status): number for status, number in self.statuses.items()}
        return document | {"valid": self.valid, "ok": self.ok, "failed": self.failed}


def counted(outcomes: Mapping[str, int]) -> str:
    """Say how many ended how, e.g. `3 timeout, 1 wrong answer`; leaves out what did not occur."""
    found = [f"{number} {name.replace('_', ' ')}" for name, number in outcomes.items() if number]
    return ", ".join(found) or "none"


def measure(
    sent: Sent, *, started_at: float, planned: int, seed: int, lag_bound_seconds: float = LAG_BOUND_SECONDS
) -> LoadMeasurement:
    """Sum a load up.

    Args:
        sent: What the sender left.
        started_at: Wall time of the start, seconds since the epoch.
        planned: Requests in the schedule.
        seed: Of the schedule.
        lag_bound_seconds: Largest 99th percentile of the lag that is valid (a tenth of the
            median latency where that is more), seconds.
    """
    records = list(sent.records)
    outcomes = Counter(record.outcome for record in records)
    latency = Quantiles.of(record.latency for record in records if _timed(record))
    lag = Quantiles.of(record.sent - record.intended for record in records)
    seconds = max(sent.seconds, 1e-9)
    pods = sent.records.pods
    return LoadMeasurement(
        started_at=started_at,
        seed=seed,
        seconds=sent.seconds,
        planned=planned,
        sent=len(records),
        outcomes={outcome.name.lower(): outcomes[outcome] for outcome in Outcome},
        statuses=dict(sorted(Counter(r.status for r in records if r.status).items())),
        latency=latency,
        lag=lag,
        offered_rate=(len(records) if sent.interrupted else planned) / seconds,
        achieved_rate=outcomes[Outcome.OK] / seconds,
        mean_outstanding=sent.outstanding_seconds / max(sent.ended, 1e-9),
        connections=sent.connections,
        generator_cpu_seconds=sent.cpu_seconds / max(1, len(records)),
        by_pod=dict(sorted(Counter(pods[r.pod] for r in records if r.pod).items())),
        interrupted=sent.interrupted,
        reasons=tuple(_reasons(sent, records, latency, lag, lag_bound_seconds)),
        series=series(records, sent.seconds),
    )


def _timed(record: Record) -> bool:
    """Whether a latency stands for the service; a refused connection is quick and would flatter."""
    return record.status > 0 or record.outcome is Outcome.TIMEOUT


def _reasons(
    sent: Sent, records: list[Record], latency: Quantiles | None, lag: Quantiles | None, bound: float
) -> Iterable[str]:
    yield from sent.faults
    if lag is None:
        if not sent.faults:
            yield "nothing was sent"
        return
    allowed = max(bound, _LAG_BOUND_OF_MEDIAN * latency.p50 if latency else 0.0)
    if lag.p99 > allowed:
        yield (
            f"the generator was late: 99 % of requests should leave within {allowed * 1e3:.1f} ms of their "
            f"time, found {lag.p99 * 1e3:.1f} ms; this machine is too busy for this rate"
        )
    not_sent = sum(record.outcome is Outcome.NOT_SENT for record in records)
    if not_sent:
        yield (
            f"{not_sent} requests were not sent: too many were under way, or no socket was free; "
            "latencies leave them out"
        )
    counted = sum(_under_way(record, sent.ended) for record in records)
    if abs(counted - sent.outstanding_seconds) > _LITTLE_TOLERANCE * max(counted, 1.0):
        yield (
            f"Little's law does not hold: rate times time is {counted / max(sent.ended, 1e-9):.3f} requests "
            f"under way, counted were {sent.outstanding_seconds / max(sent.ended, 1e-9):.3f}"
        )


def _under_way(record: Record, ended: float) -> float:
    """How long a request was under way, seconds."""
    if record.outcome is Outcome.PENDING:
        return ended - record.sent
    return record.latency - (record.sent - record.intended)


def series(records: Iterable[Record], seconds: float) -> tuple[SecondSample, ...]:
    """Cut a load into seconds by intended time."""
    buckets: list[list[Record]] = [[] for _ in range(int(seconds - 1e-9) + 1 if seconds > 0 else 0)]
    for record in records:
        if int(record.intended) < len(buckets):
            buckets[int(record.intended)].append(record)
    return tuple(_second(number, bucket) for number, bucket in enumerate(buckets))


def _second(time: int, bucket: list[Record]) -> SecondSample:
    latencies = sorted(record.latency for record in bucket if _timed(record))
    return SecondSample(
        time,
        len(bucket),
        sum(record.outcome is Outcome.OK for record in bucket),
        sum(record.outcome.failed for record in bucket),
        quantile(latencies, 0.5),
        quantile(latencies, 0.99),
    )
