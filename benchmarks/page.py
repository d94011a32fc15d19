"""`docs/benchmarks.md`: what `page.md` says, and the raw results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import goals, rows, tables
from benchmarks.arms import ALL, PRODUCT, QUICKSTART, Arm
from benchmarks.drawing import Drawing
from benchmarks.models import MODELS
from benchmarks.results import Record
from benchmarks.summary import Results

_METHOD = Path(__file__).with_name("page.md")


def text(records: Sequence[Record], drawings: Iterable[Drawing]) -> str:
    """Write the page.

    Args:
        records: Of one series; none if nothing was measured yet.
        drawings: The figures that lie beside it.
    """
    results = Results.of(records)
    parts = [
        _METHOD.read_text(encoding="utf-8"),
        _measured_on(records),
        "## Goals",
        tables.goals(goals.judged(records)),
    ]
    parts += [f"![{each.title}](benchmarks/{each.name}.svg)" for each in drawings]
    if results.cells("matrix"):
        parts += ["## The product's throughput over each server's, 16 connections", tables.ratios(results)]
    parts += [part for model in MODELS for part in _of_model(results, model.name, model.title)]
    for matrix, title in _FURTHER:
        parts += _further(results, matrix.experiment, matrix.models[0].name, title, matrix.arms)
    parts += _once(records)
    parts += ["## What was compared", tables.servers(ALL)]
    return "\n\n".join(parts) + "\n"


_FURTHER = (
    (rows.FORMS, "256 rows x 30 features, by form of the request"),
    (rows.UNCONVERTED, "A model served by scikit-learn itself (the forest), with and without micro-batches"),
    (rows.AUTHENTICATION, "Authentication"),
)
_HEADS = (
    "Requests per second: median, and in brackets the spread (greatest less least, over the median).",
    "Latency, p50 / p99 in milliseconds.",
)


def _of_model(results: Results, model: str, title: str) -> list[str]:
    return _further(results, "matrix", model, title, ALL)


def _further(results: Results, experiment: str, model: str, title: str, arms: Sequence[Arm]) -> list[str]:
    if not any(cell.model == model for cell in results.cells(experiment)):
        return []
    return [
        f"## {title}",
        _HEADS[0],
        tables.throughput(results, experiment, model, arms),
        _HEADS[1],
        tables.latency(results, experiment, model, arms),
    ]


def _once(records: Sequence[Record]) -> list[str]:
    """What is not a matrix."""
    found = {record["experiment"] for record in records if "failure" not in record}
    parts = []
    if "start" in found:
        measured = (PRODUCT, rows.ESTIMATOR, QUICKSTART)
        parts += ["## From exec to Ready, page cache warm, one core", tables.starts(records, measured)]
    if "memory" in found:
        parts += [
            "## Memory under full load, 16 connections",
            "Growth is from the second minute to the last; memory is that of all processes (PSS).",
            tables.memory(records, (PRODUCT, QUICKSTART)),
        ]
    failures = [record for record in records if "failure" in record]
    if failures:
        lines = sorted({f"- {each['experiment']}: {each['arm']}: {each['failure']}" for each in failures})
        parts += ["## What failed", "\n".join(lines)]
    return parts


def _measured_on(records: Sequence[Record]) -> str:
    about = next((record for record in records if record["experiment"] == "series"), None)
    if about is None:
        return "Nothing was measured yet."
    machine, settings = about["machine"], about["settings"]
    commits = sorted({record["commit"] for record in records})
    days = sorted({record["at"][:10] for record in records})
    where = (
        f"Measured on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, kernel {machine['kernel']}, Python {machine['python']};"
    )
    how = (
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}, commit {', '.join(commits)}, "
        f"series {about['series']}, seed {about['seed']}, {settings['repeats']} repeats of "
        f"{settings['seconds']} s after {settings['warm_seconds']} s of warm-up."
    )
    return f"{where}\n{how}"
