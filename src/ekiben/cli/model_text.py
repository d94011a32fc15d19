"""What `ekiben model` prints for people: tables of rich, as lines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ekiben.artefact.catalogue import Version
    from ekiben.artefact.comparison import Comparison, Difference, Figure
    from ekiben.artefact.ledger import Event
    from ekiben.artefact.pruning import Plan
    from ekiben.artefact.schema_changes import Change
    from ekiben.serving.schema import Input, Schema

_KB, _MB = 1e3, 1e6
_PLAIN_WIDTH = 240  # where nobody looks at a terminal, nothing is cut or wrapped
_HASH = 12  # digits that tell data apart


def versions(found: Sequence[Version]) -> list[str]:
    """List versions."""
    if not found:
        return ["no model is in the store; `ekiben train MODEL` stores one"]
    rows = [
        [
            str(each.tag),
            ", ".join(each.aliases),
            _time(each.stored_at),
            _score(each.card),
            ", ".join(each.forms),
            size(each.size_bytes),
            f"damaged: {each.wrong}" if each.wrong else "",
        ]
        for each in found
    ]
    heads = ["model", "aliases", "stored", "score", "forms", "size", "wrong"]
    if not any(each.wrong for each in found):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return _table(heads, rows)


def version(found: Version, schema: Schema, folder: Path) -> list[str]:
    """Show one version."""
    card, output = found.card, schema.output
    classes = f" of {', '.join(map(str, output.classes))}" if output.classes else ""
    probabilities = ", with probabilities" if output.probabilities else ""
    data = str(card.get("data_sha256", "")).removeprefix("sha256:")[:_HASH]
    return [
        *_pairs(
            [
                ("model", str(found.tag)),
                ("aliases", ", ".join(found.aliases) or "none"),
                ("artefact", found.artefact_sha256),
                ("files", f"{size(found.size_bytes)}, all as they were stored, in {folder}"),
                ("stored", _time(found.stored_at)),
                ("estimator", str(card.get("estimator", "not known"))),
                ("forms", f"{', '.join(found.forms)}; {found.predictor} answers"),
                ("data", f"{data or 'not known'}, {_rows(card)}, seed {card.get('seed', 'not known')}"),
                ("output", f"{output.kind}{classes}{probabilities}"),
            ]
        ),
        "",
        *_table(["metric", "value", "interval"], _scores(card)),
        "",
        *_table(
            ["input", "type", "range", "categories", "missing"], [_input(each) for each in schema.inputs]
        ),
    ]


def comparison(found: Comparison) -> list[str]:
    """Show what differs between two versions."""
    lines = [f"{found.before} -> {found.after}", ""]
    if found.changes:
        lines += _table(["for callers", "change", "where", "before", "after"], map(_change, found.changes))
    else:
        lines.append("callers notice no change of inputs and output")
    lines += ["", *_table(["metric", "before", "after", "change", ""], map(_difference, found.metrics))]
    if found.grounds:
        lines.append(f"measured on other grounds: {', '.join(found.grounds)} differ; scores compare rows too")
    rows = [
        [kind, key, _word(before), _word(after)]
        for kind, differing in (("parameter", found.parameters), ("library", found.versions))
        for key, (before, after) in differing.items()
    ]
    return [*lines, "", *_table(["", "name", "before", "after"], rows)] if rows else lines


def history(found: Sequence[Event]) -> list[str]:
    """Tell what happened, oldest first."""
    rows = [[_time(each.at), each.kind, each.version, each.alias, each.by, _evidence(each)] for each in found]
    return _table(["when", "what", "version", "alias", "by", "evidence"], rows)


def pruned(found: Plan, *, dry_run: bool) -> list[str]:
    """Say what went, or would go, and why the rest stays."""
    verb = "would remove" if dry_run else "removed"
    gone = [f"{verb} {each}" for each in found.models] + [f"{verb} bento {each}" for each in found.bentos]
    stays = [[str(each.tag), _reasons(each.reasons)] for each in found.kept]
    last = f"{verb} {len(found.models)} version(s), {size(found.freed_bytes)}"
    return [*gone, *(_table(["stays", "because of"], stays) if stays else []), last]


def size(count: int) -> str:
    """Write a number of bytes."""
    return f"{count / _MB:.1f} MB" if count >= _MB else f"{count / _KB:.1f} kB"


def _reasons(reasons: Sequence[str]) -> str:
    more = f" and {len(reasons) - 2} more" if len(reasons) > 2 else ""  # noqa: PLR2004  # what a line holds
    return ", ".join(reasons[:2]) + more


def _evidence(event: Event) -> str:
    found = event.evidence
    if event.kind == "released":
        where = f"{found.get('release')} revision {found.get('revision')} in {found.get('context')}"
        return f"{where}, {len(found.get('checks', ()))} checks"
    if event.kind in {"trained", "imported", "removed"}:
        origin = found.get("origin", {}).get("file", "")
        return ", ".join(part for part in (f"from {origin}" if origin else "", _score(found)) if part)
    return str(found.get("reason", ""))


def _change(each: Change) -> list[str]:
    return ["BREAKING" if each.breaking else "compatible", each.kind, each.place, each.before, each.after]


def _difference(each: Difference) -> list[str]:
    change = "" if each.change is None else f"{each.change:+.4f}"
    return [each.metric, _figure(each.before), _figure(each.after), change, each.verdict]


def _figure(found: Figure | None) -> str:
    if found is None:
        return "none"
    if found.low is None or found.high is None:
        return f"{found.value:.4f}"
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _scores(card: Any) -> list[list[str]]:
    from ekiben.artefact.comparison import figures

    return [
        [name, f"{each.value:.4f}", "none" if each.low is None else f"{each.low:.4f} to {each.high:.4f}"]
        for name, each in figures(card).items()
    ]


def _score(card: Any) -> str:
    from ekiben.artefact.comparison import figures

    name = str(card.get("metric", ""))
    found = figures(card).get(name)
    return f"{name} {found.value:.4f}" if found else ""


def _rows(card: Any) -> str:
    rows = card.get("rows")
    return (
        ", ".join(f"{count} {part}" for part, count in rows.items())
        if isinstance(rows, dict)
        else "rows not known"
    )


def _input(each: Input) -> list[str]:
    edges = ["" if edge is None else f"{edge:g}" for edge in (each.minimum, each.maximum)]
    span = f"{edges[0]} to {edges[1]}, {each.on_out_of_range}" if any(edges) else ""
    missing = f"value {each.default!r}" if each.missing == "value" else each.missing
    return [each.name, each.type, span, ", ".join(each.categories or ()), missing]


def _time(text: str) -> str:
    return text[:19].replace("T", " ")


def _word(value: object) -> str:
    return "none" if value is None else str(value)


def _pairs(rows: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{label:<10} {text}" for label, text in rows]


def _table(heads: Sequence[str], rows: Any) -> list[str]:
    """Draw a table as wide as the terminal; wide enough for everything where there is none."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if shown else _PLAIN_WIDTH
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style="bold red" if cell == "BREAKING" else "") for cell in row))
    console = Console(width=width, force_terminal=shown, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().rstrip("\n").splitlines()]
