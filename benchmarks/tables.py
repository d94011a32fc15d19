"""The tables of the report, as Markdown: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks import summary
from benchmarks.arms import ALL, PRODUCT, Arm
from benchmarks.environments import Environment
from benchmarks.goals import Finding
from benchmarks.plan import Cell
from benchmarks.results import Record
from benchmarks.summary import P50, P99, RATE, Results, Summary

_ABSENT = "-"
Shown = Callable[[Arm, Cell], str]
_SHOWN = (
    "bentoml", "fastapi", "flask", "gunicorn", "kserve", "litserve", "mlflow", "mlserver", "ray",
    "onnxruntime", "scikit-learn", "starlette", "uvicorn", "uvloop", "httptools",
)  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def goals(findings: Iterable[Finding]) -> str:
    """List the goals and what was found."""
    rows = ((each.goal, each.found or _ABSENT, f"**{each.verdict}**") for each in findings)
    return table(("goal", "found", ""), rows)


def throughput(results: Results, experiment: str, model: str, arms: Sequence[Arm]) -> str:
    """Requests per second: median, and in brackets the spread (greatest less least, over the median)."""
    return _by_cell(results, experiment, model, arms, lambda arm, cell: _rate(results, experiment, arm, cell))


def latency(results: Results, experiment: str, model: str, arms: Sequence[Arm]) -> str:
    """Medians of p50 and p99, milliseconds."""

    def shown(arm: Arm, cell: Cell) -> str:
        p50 = results.summary(experiment, arm.name, cell, P50)
        p99 = results.summary(experiment, arm.name, cell, P99)
        if p50 is None or p99 is None:
            return _ABSENT
        return f"{_digits(p50.median * 1e3)} / {_digits(p99.median * 1e3)}"

    return _by_cell(results, experiment, model, arms, shown)


def ratios(results: Results) -> str:
    """The product's throughput over each peer's, with the least of all cells."""
    cells = [cell for cell in results.cells("matrix") if cell.connections == 16]  # noqa: PLR2004 - the middle one
    head = ["over", *(f"{cell.model} {cell.rows}r" for cell in cells), "least of all cells"]
    rows = []
    for arm in ALL:
        if arm is PRODUCT:
            continue
        every = [results.ratio("matrix", PRODUCT.name, arm.name, cell) for cell in results.cells("matrix")]
        least = min((each.median for each in every if each is not None), default=None)
        shown = [_times(results.ratio("matrix", PRODUCT.name, arm.name, cell)) for cell in cells]
        if least is None:
            continue
        rows.append([arm.title, *shown, f"{least:.2f}x"])
    return table(head, rows)


def starts(records: Sequence[Record], arms: Sequence[Arm]) -> str:
    """Seconds from exec to Ready."""
    rows = []
    for arm in arms:
        for model in ("iris", "cancer"):
            found = summary.chosen(records, "start", arm=arm.name, model=model)
            counted = Summary.of(each["ready_seconds"] for each in found if each["repeat"] >= 0)
            if counted is not None:
                spread = f"{counted.low:.2f} to {counted.high:.2f}"
                rows.append(
                    [
                        arm.title,
                        model,
                        found[-1]["predictor"],
                        f"{counted.median:.2f}",
                        spread,
                        str(counted.count),
                    ]
                )
    return table(("server", "model", "computes", "median s", "from, to", "starts"), rows)


def memory(records: Sequence[Record], arms: Sequence[Arm]) -> str:
    """Memory at the second and the last minute of load."""
    rows = []
    for arm in arms:
        for each in summary.chosen(records, "memory", arm=arm.name):
            samples = each["memory_bytes"]
            try:
                grown = f"{summary.growth_bytes(samples, each['sample_seconds']) / (1 << 20):.1f}"
            except ValueError:
                grown = _ABSENT
            last = f"{samples[-1] / (1 << 20):.0f}"
            rows.append([arm.title, f"{each['load_seconds'] / 60:g}", f"{each['requests']:,}", last, grown])
    return table(("server", "minutes", "requests", "MiB at the end", "MiB grown"), rows)


def servers(arms: Sequence[Arm]) -> str:
    """What each server is."""
    rows = ((arm.title, arm.engine, arm.settings or "defaults", _versions(arm.environment)) for arm in arms)
    return table(("server", "computes with", "settings", "versions"), rows)


def _by_cell(results: Results, experiment: str, model: str, arms: Sequence[Arm], shown: Shown) -> str:
    cells = [cell for cell in results.cells(experiment) if cell.model == model]
    head = ["server", *(f"{cell.rows}r c{cell.connections}" for cell in cells)]
    rows = ([arm.title, *(shown(arm, cell) for cell in cells)] for arm in arms)
    return table(head, (row for row in rows if set(row[1:]) != {_ABSENT}))


def _rate(results: Results, experiment: str, arm: Arm, cell: Cell) -> str:
    found = results.summary(experiment, arm.name, cell, RATE)
    return _ABSENT if found is None else f"{found.median:,.0f} ({found.spread_ratio:.0%})"


def _times(found: Summary | None) -> str:
    return _ABSENT if found is None else f"{found.median:.1f}x"


def _digits(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"  # noqa: PLR2004 - three digits


def _versions(environment: str) -> str:
    found = Environment(environment).versions
    return ", ".join(f"{name} {found[name]}" for name in _SHOWN if name in found)
