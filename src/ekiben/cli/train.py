"""Station 1 on the command line."""

from __future__ import annotations

import typer

from ekiben.cli import options, output, session

PANEL = "1 train: data, an estimator -> a model artefact"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(train)


def train(model: options.Model, as_json: options.Json = False, dry_run: options.DryRun = False) -> None:
    """Train the estimator, hold it to its acceptance criterion, store its artefact."""
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
    left = stations.train(traveller, again=True).output
    output.emit(
        left,
        [
            f"model    {left['tag']}",
            (
                f"{left['metric']:<8} {left['score']:.4f} ({left['low']:.4f} to {left['high']:.4f}) on "
                f"{left['test_rows']} held-out rows "
                f"(accepted {_criterion(left['accepted_at_least'], left['accepted_at_most'])})"
            ),
            f"artefact {left['artefact_sha256']}",
            f"folder   {left['folder']}",
        ],
        as_json=as_json,
    )


def _criterion(least: float | None, most: float | None) -> str:
    """Say which bound of the interval is accepted."""
    return f"if not below {least:g}" if least is not None else f"if not above {most:g}"
