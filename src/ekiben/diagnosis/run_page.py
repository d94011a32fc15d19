"""The closing page: what happened on one walk, as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from ekiben.diagnosis import plot
from ekiben.diagnosis.plot import Line
from ekiben.diagnosis.run import Bin, NextCommand, RoadRun, StationTime, bins, story
from ekiben.diagnosis.table import milliseconds
from ekiben.page import html
from ekiben.scale.load.measurement import LoadMeasurement

_TIME = "seconds since the start of the load"


def write_page(run: RoadRun, path: Path) -> Path:
    """Write the page; whoever reads meanwhile finds the old one or the new one, never half of it.

    Returns:
        Absolute path of the file.
    """
    return html.write(page(run), path)


def page(run: RoadRun) -> str:
    """Give the whole page as HTML text."""
    title = f"{run.model.partition(':')[0]}: what happened"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">{escape(run.finished_at)}, cluster {escape(run.context)}</p>',
        *(f"<p>{escape(sentence)}</p>" for sentence in story(run)),
        *(f'<p class="note">{escape(note)}</p>' for note in run.notes),
        _tiles(run),
        *_plots(run),
        "<h2>What serves</h2>",
        _pairs((("model", run.model), ("image", run.image), ("revision", run.revision), ("URL", run.url))),
        "<h2>A prediction</h2>",
        f"<pre>POST {escape(run.url)}\n{_json(run.request)}</pre>",
        f"<pre>{_json(run.answer)}</pre>",
        "<h2>Where the time went</h2>",
        _stations(run.stations),
        *_next(run.next_commands),
    ]
    style = resources.files("ekiben.diagnosis").joinpath("run_page.css").read_text(encoding="utf-8")
    return html.framed(title, "\n".join(body), style)


def _tiles(run: RoadRun) -> str:
    found: list[tuple[str, str, bool]] = []
    if run.load is not None:
        load = run.load
        found += [
            (f"{load.sent:,}", "requests sent", False),
            (f"{load.failed:,}", "failed", load.failed > 0),
            (f"{load.achieved_rate:.1f}/s", "right answers", False),
        ]
        if load.latency is not None:
            found += [
                (milliseconds(load.latency.p50), "latency p50", False),
                (milliseconds(load.latency.p99), "latency p99", False),
            ]
    if run.samples:
        most = max(sample.ready for sample in run.samples)
        found.append((f"{run.samples[0].ready} → {most}", "replicas ready", False))
    tiles = (
        f'<div class="tile{" bad" if bad else ""}"><b>{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label, bad in found
    )
    return f'<div class="tiles">{"".join(tiles)}</div>' if found else ""


def _plots(run: RoadRun) -> list[str]:
    if run.load is None:
        return []
    width, joined = bins(run.load)
    each = "each second" if width == 1 else f"each {width} s"
    drawn = (
        ("Replicas", _replicas_plot(run), "As the HPA and the pods said, about once a second."),
        ("Request rate", _rate_plot(joined, run.load), f"Over {each}, by intended time."),
        (
            "Latency",
            _latency_plot(joined, run.load),
            f"From the intended time to the end of the answer, over {each}"
            + ("" if width == 1 else " (p50: median of the seconds, p99: the worst of them)")
            + ". The scale is logarithmic.",
        ),
        ("Failed requests", _failed_plot(joined, run.load), f"Over {each}, by intended time."),
    )
    parts = [
        f"<h2>{title}</h2>\n<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
        for title, svg, caption in drawn
        if svg
    ]
    if not run.load.failed:
        parts.append("<h2>Failed requests</h2>\n<p>None.</p>")
    return parts


def _replicas_plot(run: RoadRun) -> str:
    end = max([sample.time for sample in run.samples] + [run.load.seconds if run.load else 0.0])

    def line(label: str, style: str, values: Sequence[int]) -> Line:
        times = [sample.time for sample in run.samples]
        return Line(label, tuple(zip(times, map(float, values), strict=True)), style, steps=True)

    lines = (
        line("desired", "b", [sample.desired for sample in run.samples]),
        line("current", "c", [sample.current for sample in run.samples]),
        line("ready", "a", [sample.ready for sample in run.samples]),
    )
    return plot.svg("Replicas over time", lines, x_label=_TIME, y_label="replicas", x_end=end)


def _rate_plot(joined: Sequence[Bin], load: LoadMeasurement) -> str:
    lines = (
        Line("meant to be sent", tuple((one.time, one.offered) for one in joined), "c"),
        Line("answered rightly", tuple((one.time, one.ok) for one in joined), "a"),
    )
    return plot.svg("Request rate over time", lines, x_label=_TIME, y_label="requests/s", x_end=load.seconds)


def _latency_plot(joined: Sequence[Bin], load: LoadMeasurement) -> str:
    def milli(seconds: float | None) -> float | None:
        return None if seconds is None else seconds * 1e3

    lines = (
        Line("p99", tuple((one.time, milli(one.p99_seconds)) for one in joined), "b"),
        Line("p50", tuple((one.time, milli(one.p50_seconds)) for one in joined), "a"),
    )
    return plot.svg(
        "Latency over time", lines, x_label=_TIME, y_label="ms", x_end=load.seconds, logarithmic=True
    )


def _failed_plot(joined: Sequence[Bin], load: LoadMeasurement) -> str:
    if not load.failed:
        return ""
    lines = (Line("failed", tuple((one.time, one.failed) for one in joined), "bad"),)
    return plot.svg(
        "Failed requests over time", lines, x_label=_TIME, y_label="requests/s", x_end=load.seconds
    )


def _pairs(found: Sequence[tuple[str, str]]) -> str:
    rows = (f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>" for name, value in found)
    return f"<table>{''.join(rows)}</table>"


def _stations(found: Sequence[StationTime]) -> str:
    longest = max((one.seconds for one in found), default=0.0)
    rows = []
    for one in found:
        share = 100 * one.seconds / longest if longest > 0 else 0
        made = one.made + (" (kept from an earlier walk)" if one.kept else "")
        bar = f'<div class="bar" style="width:{share:.1f}%"></div>' if share else ""
        rows.append(
            f"<tr><th>{escape(one.name)}<span>{escape(made.strip())}</span></th>"
            f'<td class="bars">{bar}</td><td class="number">{one.seconds:.1f} s</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def _next(commands: Sequence[NextCommand]) -> list[str]:
    if not commands:
        return []
    rows = (
        f"<tr><td><code>{escape(one.command)}</code></td><td>{escape(one.purpose)}</td></tr>"
        for one in commands
    )
    return ["<h2>What to type next</h2>", f"<table>{''.join(rows)}</table>"]


def _json(value: object) -> str:
    return escape(json.dumps(value, ensure_ascii=False))
