"""Station 1 on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ekiben.cli import options, output, progress, session

PANEL = "1 train: data, an estimator -> a model artefact"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(train)
    app.command(rich_help_panel=PANEL)(data)


Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write a page with plots (HTML) there.")
]
ModelReport = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a page with plots there: HTML, or FILE.md with plots beside it.",
    ),
]
ParityPage = Annotated[
    Path | None,
    typer.Option("--parity-page", metavar="FILE", help="Write how the forms compare as a page (HTML)."),
]


def train(
    model: options.Model,
    report: ModelReport = None,
    parity_page: ParityPage = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Train the estimator, hold it to its acceptance criterion, store its artefact."""
    from ekiben.artefact.forms import report as found_forms
    from ekiben.road import stations

    traveller = session.traveller(model)
    if dry_run:
        section = traveller.config.train
        accept = f"accept {section.accept.metric} {_criterion(section.accept.min, section.accept.max)}"
        source = section.data if isinstance(section.data, str) else section.data.file
        what = f"{section.estimator} on {source} (seed {section.seed})"
        line = f"would train {what}, hold out {section.test_ratio:g} of the rows and {accept}"
        output.emit(section, [line], as_json=as_json)
        return
    with progress.counted("search: fits") as told:
        left = stations.train(traveller, again=True, progress=told, report=report).output
    if parity_page is not None:
        from ekiben.page import html

        schema = json.loads((Path(left["folder"]) / "schema.json").read_bytes())
        names = [each["name"] for each in schema["inputs"]]
        html.write(found_forms.page(str(left["tag"]), left["parity"], names), parity_page)
    output.emit(
        left,
        [
            f"model    {left['tag']}",
            (
                f"{left['metric']:<8} {left['score']:.4f} ({left['low']:.4f} to {left['high']:.4f}) on "
                f"{left['test_rows']} held-out rows "
                f"(accepted {_criterion(left['accepted_at_least'], left['accepted_at_most'])})"
            ),
            *found_forms.lines(left["parity"]),
            *([] if left["compression"] is None else found_forms.cost(left["compression"])),
            f"artefact {left['artefact_sha256']}",
            *_beside(left["in_service"]),
            f"folder   {left['folder']}",
            *([] if report is None else [f"report   {report}"]),
        ],
        as_json=as_json,
    )


def _criterion(least: float | None, most: float | None) -> str:
    """Say which bound of the interval is accepted."""
    return f"if not below {least:g}" if least is not None else f"if not above {most:g}"


def _beside(compared: Mapping[str, Any] | None) -> list[str]:
    """One line about the model in service."""
    if compared is None:
        return []
    gain = compared["gain"]
    if gain is None:
        return [f"beside   {compared['tag']} in service: not compared, {compared['reason']}"]
    found = f"better by {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"
    return [f"beside   {compared['tag']} in service: {found}"]


def data(model: options.Model, report: Report = None, as_json: options.Json = False) -> None:
    """Look at the data: missing values, outliers, imbalance, duplicates, leakage; nothing is stored."""
    from ekiben.page import html
    from ekiben.train import pages
    from ekiben.train import report as room

    traveller = session.traveller(model)
    found = room.report(traveller.config, traveller.project)
    if report is not None:
        html.write(pages.data_page(found), report)
    if as_json:
        output.emit(found, [], as_json=True)
        return
    _show(found)
    if report is not None:
        typer.echo(f"page       {report}")


def _show(found: Mapping[str, Any]) -> None:
    """Print the report as a table and sentences."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("column", "type", "missing", "distinct", "lowest", "median", "highest", "outliers")
    for column in found["columns"]:
        places = column.get("quantiles", {})
        numbers = [f"{places[key]:.4g}" if key in places else "" for key in ("min", "median", "max")]
        beyond = str(column["outliers"]["count"]) if "outliers" in column else ""
        table.add_row(
            column["name"], column["type"], str(column["missing"]), str(column["distinct"]), *numbers, beyond
        )
    console.print(table)
    console.print(f"{found['rows']:,} rows from {found['source']}", markup=False)
    for sentence in found["findings"] or ["nothing was found that needs a look"]:
        console.print(f"- {sentence}", markup=False)
