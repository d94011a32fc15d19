"""Whether a measurement says something about autoscaling, or about this machine: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.live.journal import Record

LEAST_RATIO = 1.8  # of one replica's C*, that two must carry
BUSIEST_NODE_RATIO = 0.70
WINDOW_SECONDS = 30  # over which the node's busy share is taken


def busiest(busy: Sequence[float], window: int = WINDOW_SECONDS) -> float:
    """Largest mean over so many neighbouring seconds, 0-1; over all of them where there are fewer.

    Args:
        busy: Share of each second, 0-1.
        window: Seconds, 1 and up.
    """
    if not busy:
        return 1.0  # what was not seen is not known to be quiet
    width = min(window, len(busy))
    return max(sum(busy[at : at + width]) / width for at in range(len(busy) - width + 1))


def of_replica(record: Record) -> list[str]:
    """Why runs on these replicas say nothing; empty if two carry nearly twice what one does."""
    return list(_of_replica(record))


def _of_replica(record: Record) -> Iterator[str]:
    held = record["held"]
    if held["verdict"] != "meets":
        why = "; ".join(held["reasons"]) or f"{held['bad']} of {held['requests']} requests were bad"
        yield (
            f"two replicas were not shown to carry {LEAST_RATIO:g} x {record['capacity_rate']:.1f} "
            f"requests/s: {held['verdict']}, {why}"
        )
    elif held["rate"] < LEAST_RATIO * record["capacity_rate"] * (1 - 1e-9):
        yield f"two replicas were held at {held['rate'] / record['capacity_rate']:.2f} C* only"
    yield from _node(record["busy"])


def of_run(record: Record) -> list[str]:
    """Why a run, or a part of the steps, does not count; empty if it does."""
    return list(_of_run(record))


def _of_run(record: Record) -> Iterator[str]:
    yield from record["reasons"]
    yield from _node(record["busy"])
    seconds = sum(each[1] for each in record["segments"])
    if len(record["looks"]) < seconds / 2:
        yield f"the API was seen {len(record['looks'])} times in {seconds:.0f} s"


def _node(busy: Sequence[float]) -> Iterator[str]:
    if (most := busiest(busy)) > BUSIEST_NODE_RATIO:
        yield (
            f"the node was {most:.0%} busy for {min(WINDOW_SECONDS, max(1, len(busy)))} s, "
            f"at most {BUSIEST_NODE_RATIO:.0%} is valid"
        )
