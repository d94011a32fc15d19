"""The model report: what the model is, how good it is, in which forms it is served."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekiben.artefact.forms.report import cost, outcomes
from ekiben.page import html, markdown
from ekiben.page.parts import Code, Figures, Heading, Paragraph, Part, table
from ekiben.serving.artefact import MANIFEST
from ekiben.train import curves, pages
from ekiben.train.incumbent import Comparison
from ekiben.train.metrics import Judged

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_BEST = 10  # candidates of a search


# Said of intervals that do not come from resamples.
_HOW = {
    "exact": "every resample of these rows says the same; the bounds are what so many rows without a mistake "
    "leave possible.",
    "none": "every resample of these rows says the same, and nothing bounds the metric: no interval.",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a model report is made from.

    Attributes:
        tag: Of the model.
        estimator: As its own text: the parameters that were set.
        data: The data report.
        card: Content of `card.json`.
        parity: Content of `parity.json`.
        judged: Answers to the held-out rows.
        sizes: Bytes of each file of the artefact.
        compared: With the model in service; None if there is none.
    """

    tag: str
    estimator: str
    data: Mapping[str, Any]
    card: Mapping[str, Any]
    parity: Mapping[str, Any]
    judged: Judged
    sizes: Mapping[str, int]
    compared: Comparison | None = None


def text_of(estimator: Any) -> str:
    """Give an estimator as scikit-learn prints it, without the addresses of functions."""
    return _ADDRESS.sub("", repr(estimator))


def sizes_of(folder: Path) -> dict[str, int]:
    """Bytes of each file that an artefact's manifest names."""
    names = json.loads((folder / MANIFEST).read_bytes())["files"]
    return {name: (folder / name).stat().st_size for name in sorted(names)}


def write(report: Report, path: Path) -> Path:
    """Write a report: `.md` is Markdown with its plots in a folder beside it, all else one HTML page.

    Returns:
        Absolute path of the page.
    """
    title = f"{report.tag}: how good it is"
    if path.suffix != ".md":
        return html.write(html.page(title, parts(report)), path)
    text, drawn = markdown.page(title, parts(report), path.stem)
    folder = path.with_suffix("")
    for name, svg in drawn.items():
        html.write(svg, folder / name)
    for left in sorted({found.name for found in folder.glob("*.svg")} - set(drawn)):
        (folder / left).unlink()
    return html.write(text, path)


def parts(report: Report) -> Iterator[Part]:
    """Give the report in its order."""
    yield from _model(report)
    yield from _data(report)
    yield from _metrics(report)
    yield from _apart(report.card)
    if report.card["search"] is not None:
        yield from _search(report.card["search"])
    yield from _forms(report)


def _model(report: Report) -> Iterator[Part]:
    card = report.card
    rows = ", ".join(f"{count:,} {name}" for name, count in card["rows"].items() if count)
    yield Paragraph(f"{card['estimator']}, {rows} rows, parted by {card['split']['by']}", "sub")
    yield Heading("Estimator")
    yield Code(report.estimator, "python")
    versions = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    yield Paragraph(f"Fitted with seed {card['seed']} by {versions}.")


def _data(report: Report) -> Iterator[Part]:
    yield Heading("Data")
    yield pages.origin(report.data)
    yield from pages.findings(report.data)
    yield pages.columns(report.data)
    if report.data["parts"] is not None:
        yield pages.parts(report.data["parts"])
    yield Figures((pages.distribution({"name": "target", **report.data["target"]}),))
    split = report.card["split"]
    hashes = {"data": report.card["data_sha256"], **split["sha256"]}
    yield table(("rows", "sha256"), hashes.items())


def _metrics(report: Report) -> Iterator[Part]:
    card = report.card
    yield Heading("Metrics on the held-out rows")
    share = f"{card['interval']['confidence']:.0%}"
    yield table(
        ("metric", "value", f"{share} interval"), (_interval(*each) for each in card["metrics"].items())
    )
    for by, told in _HOW.items():
        named = [name for name, each in card["metrics"].items() if each["by"] == by]
        if named:
            yield Paragraph(f"{', '.join(named)}: {told}", "note")
    limits = [f"{name} {card['acceptance'][name]:g}" for name in ("min", "max") if name in card["acceptance"]]
    yield Paragraph(f"Accepted by the worse bound of {card['metric']}: {', '.join(limits)}.")
    if report.compared is not None:
        yield Paragraph(_beside(report.compared, card["metric"]), "note")
    if card["validation"] is not None:
        yield Heading("Metrics on the rows to choose by")
        found = (_interval(*each) for each in card["validation"].items())
        yield table(("metric", "value", f"{share} interval"), found)
    yield Figures(tuple(curves.figures(card, report.judged)))


def _apart(card: Mapping[str, Any]) -> Iterator[Part]:
    """Metrics by class and by slice."""
    if card["classes"]:
        yield Heading("By class")
        yield table(("class", "rows", "precision", "recall", "F1"), map(_class, card["classes"]))
    for column, entries in card["slices"].items():
        yield Heading(f"By {column}")
        names = list(card["metrics"])
        found = ((e["value"], e["rows"], *(_short(e["metrics"].get(n)) for n in names)) for e in entries)
        yield table((column, "rows", *names), found)


def _search(found: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("Search")
    chosen = _named(found["chosen"])
    yield Paragraph(f"{found['method']}, {found['candidates']} candidates by {found['by']}; chosen: {chosen}")
    rows = ((_named(e["parameters"]), f"{e['mean']:.4f}", f"{e['std']:.4f}") for e in found["best"][:_BEST])
    yield table(("parameters", found["metric"], "standard deviation"), rows)


def _forms(report: Report) -> Iterator[Part]:
    yield Heading("Forms beside the estimator")
    parity = report.parity
    forms = dict(parity["forms"])
    if parity["reloaded"] is not None:
        forms["scikit-learn, read back"] = parity["reloaded"]
    yield from outcomes({**parity, "forms": forms})
    yield Paragraph("Largest differences are rounded up to a power of ten.")
    if parity["compression"] is not None:
        yield Code("\n".join(cost(parity["compression"])))
    yield Heading("Size")
    rows = [*((name, f"{size:,}") for name, size in report.sizes.items())]
    yield table(("file", "bytes"), [*rows, ("sum", f"{sum(report.sizes.values()):,}")])


def _beside(compared: Comparison, metric: str) -> str:
    if compared.gain is None:
        return f"Not compared with {compared.tag} in service: {compared.reason}."
    gain = compared.gain
    rows = "the rows that it was judged on" if compared.same_rows else "rows that it may have been fitted on"
    return (
        f"Beside {compared.tag} in service: better by {gain.value:+.4f} {metric} "
        f"({gain.low:+.4f} to {gain.high:+.4f}), on {rows}."
    )


def _interval(name: str, each: Mapping[str, Any]) -> tuple[str, str, str]:
    bounds = "none" if each["by"] == "none" else f"{each['low']:.4f} to {each['high']:.4f}"
    return name, f"{each['value']:.4f}", bounds


def _short(each: Mapping[str, Any] | None) -> str:
    if each is not None and each["by"] == "none":
        return f"{each['value']:.3f}"
    return "" if each is None else f"{each['value']:.3f} ({each['low']:.3f} to {each['high']:.3f})"


def _class(entry: Mapping[str, Any]) -> tuple[object, ...]:
    return (entry["class"], entry["rows"], *(_short(entry[name]) for name in ("precision", "recall", "f1")))


def _named(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())
