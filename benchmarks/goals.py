"""The goals, each judged by the raw results alone: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks import rows, summary
from benchmarks.arms import ECHO, ONNXRUNTIME, PEERS, PRODUCT, QUICKSTART
from benchmarks.plan import Cell
from benchmarks.results import Record
from benchmarks.summary import P50, P99, Results, Summary

Verdict = Literal["met", "missed", "not measured"]
_MODELS, _ROWS, _CONNECTIONS = ("iris", "cancer", "diabetes"), (1, 256), (1, 16, 64)
_CELLS = [Cell(model, row, each) for model in _MODELS for row in _ROWS for each in _CONNECTIONS]
_P99_SECONDS = {1: 0.001, 16: 0.0015, 64: 0.004}
_AUTHENTICATION_SECONDS = 50e-6
_MIB = 1 << 20
_QUICKSTART = "BentoML's quickstart"


@dataclass(frozen=True, slots=True)
class Finding:
    """One goal, and what was found.

    Attributes:
        goal: What is to be reached.
        found: What was measured.
        verdict: Whether that reaches it.
    """

    goal: str
    found: str
    verdict: Verdict


def judged(records: Sequence[Record]) -> list[Finding]:
    """Judge every goal by the records of one series."""
    results = Results.of(records)
    return [
        _faster(results, QUICKSTART.name, [Cell("cancer", 1, 16)], 60, f"{_QUICKSTART}, cancer, 1 row, c16"),
        _faster(results, QUICKSTART.name, [Cell("iris", 1, 16)], 150, f"{_QUICKSTART}, iris, 1 row, c16"),
        _faster(
            results, ONNXRUNTIME.name, [Cell("cancer", 1, 16), Cell("iris", 1, 16)], 2,
            "bare uvicorn + ONNX Runtime, cancer and iris, 1 row, c16",
        ),
        _faster(
            results, ECHO.name, [Cell("cancer", 1, each) for each in _CONNECTIONS], 0.90,
            "raw ASGI echo on the same uvicorn, cancer, 1 row, c1, c16, c64",
        ),
        _every_peer(results),
        _json(results, records),
        _ratio(
            "256 rows x 30 features, binary tensor: at least 35x BentoML's quickstart with JSON, c16",
            [_named(results, "forms", rows.BINARY.name, QUICKSTART.name, Cell("cancer", 256, 16))], 35,
        ),
        _ratio(
            "scikit-learn itself, c64: at least 15x of one request at a time",
            [_unconverted(results, 64)], 15,
        ),
        _ratio(
            "scikit-learn itself, c1: at most 10 % lost by micro-batches", [_unconverted(results, 1)], 0.90,
        ),
        *(_latency(results, each) for each in _CONNECTIONS),
        _memory(records),
        _started(records, PRODUCT.name, "cancer", 0.5),
        _started(records, PRODUCT.name, "iris", 0.5),
        _started(records, rows.ESTIMATOR.name, "iris", 1.3),
        _authentication(results, rows.KEY.name, "API key"),
        _authentication(results, rows.TOKEN.name, "cached token"),
        _counters(records),
        _guarantees(records),
    ]  # fmt: skip


Named = tuple[str, Summary | None]


def _named(results: Results, experiment: str, above: str, below: str, cell: Cell) -> Named:
    where = f"{cell.model} {cell.rows} rows c{cell.connections}, {below}"
    return where, results.ratio(experiment, above, below, cell)


def _unconverted(results: Results, connections: int) -> Named:
    cell = Cell("iris", 1, connections)
    return _named(results, "unconverted", rows.ESTIMATOR.name, rows.UNBATCHED.name, cell)


def _faster(results: Results, peer: str, cells: Sequence[Cell], least: float, what: str) -> Finding:
    found = [_named(results, "matrix", PRODUCT.name, peer, cell) for cell in cells]
    return _ratio(f"at least {least:g}x {what}", found, least)


def _ratio(goal: str, found: Sequence[Named], least: float) -> Finding:
    """Compare the least of some ratios with what it must be; one that is missing leaves it open."""
    known = [(where, each) for where, each in found if each is not None]
    if len(known) < len(found):
        return Finding(goal, f"{len(known)} of {len(found)} ratios", "not measured")
    where, worst = min(known, key=lambda each: each[1].median)
    text = f"{worst.median:.2f}x ({worst.low:.2f} to {worst.high:.2f})"
    if len(known) > 1:
        text += f", the least of {len(known)}: {where}"
    return _finding(goal, text, met=worst.median >= least)


def _finding(goal: str, found: str, *, met: bool) -> Finding:
    return Finding(goal, found, "met" if met else "missed")


def _every_peer(results: Results) -> Finding:
    peers = [peer.name for peer in PEERS if peer.engine == "scikit-learn"]
    found = [_named(results, "matrix", PRODUCT.name, peer, cell) for peer in peers for cell in _CELLS]
    return _ratio("at least 2x every peer with its default engine, in all 18 cells", found, 2)


def _json(results: Results, records: Sequence[Record]) -> Finding:
    goal = "256 rows x 30 features, JSON: at least 12x BentoML's quickstart, c16, ragged rows refused"
    found = _ratio(
        goal, [_named(results, "forms", PRODUCT.name, QUICKSTART.name, Cell("cancer", 256, 16))], 12
    )
    held = [each["held"] for each in summary.chosen(records, "guarantees")]
    if found.verdict == "met" and not (held and held[-1]["rows of different lengths are refused"]):
        return Finding(goal, f"{found.found}; ragged rows are not refused", "missed")
    return found


def _latency(results: Results, connections: int) -> Finding:
    most = _P99_SECONDS[connections]
    cells = [Cell(model, 1, connections) for model in _MODELS]
    found = [results.summary("matrix", PRODUCT.name, cell, P99) for cell in cells]
    goal = f"p99 of 1 row at c{connections}: at most {most * 1e3:g} ms, every model"
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return Finding(goal, f"{len(known)} of {len(found)} models", "not measured")
    worst = max(known, key=lambda each: each.median)
    text = f"{worst.median * 1e3:.2f} ms ({worst.low * 1e3:.2f} to {worst.high * 1e3:.2f})"
    return _finding(goal, text, met=worst.median <= most)


def _memory(records: Sequence[Record]) -> Finding:
    goal = "memory grows by at most 10 MiB over 10 min at full load"
    found = summary.chosen(records, "memory", arm=PRODUCT.name)
    if not found or found[-1]["load_seconds"] < 600:  # noqa: PLR2004 - ten minutes
        return Finding(goal, "", "not measured")
    grown = summary.growth_bytes(found[-1]["memory_bytes"], found[-1]["sample_seconds"])
    return _finding(goal, f"{grown / _MIB:.1f} MiB", met=grown <= 10 * _MIB)


def _started(records: Sequence[Record], arm: str, model: str, most: float) -> Finding:
    counted = [each for each in summary.chosen(records, "start", arm=arm, model=model) if each["repeat"] >= 0]
    found = Summary.of(each["ready_seconds"] for each in counted)
    computes = counted[-1]["predictor"] if counted else "the default predictor"
    goal = f"exec to Ready, {arm} on {model}: at most {most:g} s"
    if found is None:
        return Finding(goal, "", "not measured")
    text = f"{found.median:.2f} s ({found.low:.2f} to {found.high:.2f}), {computes}"
    return _finding(goal, text, met=found.median <= most)


def _authentication(results: Results, arm: str, what: str) -> Finding:
    goal = f"authentication ({what}): at most 50 us of p50, c1"
    cell = Cell("cancer", 1, 1)
    cost = results.difference("authentication", arm, rows.OPEN.name, cell, P50)
    if cost is None:
        return Finding(goal, "", "not measured")
    text = f"{cost.median * 1e6:.0f} us ({cost.low * 1e6:.0f} to {cost.high * 1e6:.0f})"
    return _finding(goal, text, met=round(cost.median, 9) <= _AUTHENTICATION_SECONDS)


def _counters(records: Sequence[Record]) -> Finding:
    goal = "counters equal the client's own count, without an error"
    found = summary.chosen(records, "counters")
    if not found:
        return Finding(goal, "", "not measured")
    client, server = found[-1]["client"], found[-1]["server"]
    errors = sum(count for name, count in client.items() if name.startswith("5"))
    text = f"{client['arrivals']:,} requests, {errors} errors" + (
        "" if client == server else f", but {server}"
    )
    return _finding(goal, text, met=client == server and errors == 0)


def _guarantees(records: Sequence[Record]) -> Finding:
    goal = "every guarantee of the product was on while it was measured"
    found = summary.chosen(records, "guarantees")
    if not found:
        return Finding(goal, "", "not measured")
    missing = [name for name, held in found[-1]["held"].items() if not held]
    return _finding(goal, f"not so: {'; '.join(missing)}" if missing else "all held", met=not missing)
