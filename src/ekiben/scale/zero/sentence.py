"""A reckoning for people: a table of the ways, the best cool-down of each, and who has to hold requests."""

from __future__ import annotations

from collections.abc import Sequence

from ekiben.scale.plan.sentence import number
from ekiben.scale.zero.reckoning import Reckoning

_WIDTHS = (27, 9, 8, 7, 7, 24, 9, 9, 10)
_HEADS = (
    "way", "cool-down", "asleep", "wakes", "wait", "wait p50/p99/max", "failed", "bad", "saved"
)  # fmt: skip


def lines(model: str, trace: str, found: Sequence[Reckoning], row_seconds: float) -> list[str]:
    """Say what was found.

    Args:
        model: Name of the model.
        trace: Name of the trace's file.
        found: One reckoning of each way, all of the same trace and inputs.
        row_seconds: Interval of the trace's rows.
    """
    first = found[0]
    hours = first["trace_seconds"] / 3600
    rows = [_row(each) for one in found for each in (one, one.cheapest) if each is not None]
    said = [
        f"zero of {model}: a reckoning; nothing is changed, and no release goes below one replica",
        (
            f"trace      {trace}: {number(first['requests'])} requests in {hours:.4g} h, during which "
            f"{number(first['min_replicas'])} replicas are {first['always_replica_hours']:.4g} replica-hours"
        ),
        (
            f"objective  at most {first['bad_ratio']:.3g} of the requests fail or take longer than "
            f"{number(first['objective_seconds'])} s; callers wait {number(first['timeout_seconds'])} s"
        ),
        "wake       " + ", ".join(f"{_wake(each)} ({each.way.title})" for each in found),
        "",
        _cells(_HEADS) + "  verdict",
        *rows,
        "",
        *(f"{each.way.title}: {each.way.says}." for each in found),
    ]
    if row_seconds > first["cooldown_seconds"]:
        said.append(
            f"The rows are {number(row_seconds)} s apart, longer than the cool-down: where requests lie "
            "within a row is drawn (--seed), not known."
        )
    return [*said, conclusion(found)]


def conclusion(found: Sequence[Reckoning]) -> str:
    """Say whether zero pays anywhere, and with what in front of the pod."""
    best = max(
        (
            each
            for one in found
            for each in (one, one.cheapest)
            if each is not None and each.verdict == "pays"
        ),
        key=lambda each: each["net_saving"],
        default=None,
    )
    if best is None:
        return "Zero does not pay within the objective: keep the replicas."
    return (
        f"Zero pays within the objective with {best.way.title} and a cool-down of "
        f"{number(best['cooldown_seconds'])} s: {best['saved_replica_hours']:.4g} of "
        f"{best['always_replica_hours']:.4g} replica-hours, as long as a wake costs less than "
        f"{best['break_even_wake_cost']:.3g}."
    )


def _wake(found: Reckoning) -> str:
    return f"{number(found['wake_seconds'])} s" if found.way.wakes else "never"


def _row(found: Reckoning) -> str:
    waits = [found.numbers.get(f"wait_{name}_seconds") for name in ("p50", "p99", "max")]
    known = [f"{each.value:.1f}" for each in waits if each is not None]
    cells = (
        found.way.title,
        f"{number(found['cooldown_seconds'])} s",
        f"{found['saved_ratio']:.1%}",
        number(found["wakes"]),
        number(found["waiting_requests"]),
        "/".join(known) + " s" if known else "for ever" if not found.way.wakes else "-",
        number(found["failed_requests"]),
        f"{found['found_bad_ratio']:.2%}",
        f"{found['net_saving']:.4g}",
    )
    return _cells(cells) + f"  {found.verdict}"


def _cells(texts: Sequence[str]) -> str:
    """The first to the left, the others to the right of their columns."""
    first, *rest = zip(texts, _WIDTHS, strict=True)
    return first[0].ljust(first[1]) + "".join(text.rjust(width) for text, width in rest)
