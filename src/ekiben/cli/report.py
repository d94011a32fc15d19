"""`ekiben report`: the boards of one release as one page, without Grafana and without a network."""

from __future__ import annotations

import logging
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekiben.cli import options, output, session
from ekiben.errors import ConfigError, NoDataError

if TYPE_CHECKING:
    from ekiben.diagnosis.report.answers import Report
    from ekiben.observe.boards.board import Board

_LOG = logging.getLogger("ekiben.cli.report")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BOARDS = ("release", "autoscaling", "fleet")
_QUERY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Subject:
    namespace: str
    release: str
    prometheus_url: str


def report(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_RELEASE", help="Name of a folder below bentos/, or of a release in a namespace."
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="How long before the end: 30m, 6h, 2d; default: 1h."),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="MOMENT", help="2026-01-31T12:00 (UTC without a zone), or 90m: ago."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="MOMENT", help="The same; default: now.")] = None,
    board: Annotated[
        list[str] | None,
        typer.Option("--board", help="release, autoscaling or fleet; may be given again. Default: all."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Where; default: out/report-<release>.html."),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            "--prometheus",
            metavar="URL",
            help="Whom to ask; default: `observe.prometheus_url`, then that of the cluster.",
        ),
    ] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Write Grafana's boards of one release as one HTML page, from Prometheus over a time that has passed."""
    from ekiben.clients.prometheus import Prometheus
    from ekiben.diagnosis.report import document, reading, span
    from ekiben.diagnosis.report import page as pages
    from ekiben.diagnosis.report.answers import Chosen
    from ekiben.page import html

    now = time.time()
    ends = span.ends(since, begin, end, now)
    boards = _boards(board or [])
    found = _subject(subject, namespace, prometheus, context)
    with Prometheus(found.prometheus_url, timeout_seconds=_QUERY_SECONDS) as metrics:
        scrape = reading.scrape_seconds(metrics, found.namespace, found.release, ends[1])
        chosen = Chosen(found.namespace, found.release, span.Span(*ends, scrape))
        read = reading.read(metrics, chosen, boards, _LOG.info)
    path = html.write(pages.text(read, now), page or Path("out") / f"report-{found.release}.html")
    output.emit({"page": str(path), **document.document(read)}, _lines(read, path), as_json=as_json)
    problem = _problem(read)
    if problem:
        print(f"ekiben: {problem}", file=sys.stderr)
        raise typer.Exit(NoDataError.exit_code)


def _boards(wanted: list[str]) -> tuple[Board, ...]:
    from ekiben.observe.boards import fleet, release, scaling

    known = dict(zip(_BOARDS, (release.BOARD, scaling.BOARD, fleet.BOARD), strict=True))
    for name in wanted:
        if name not in known:
            raise ConfigError(f"expected --board as {', '.join(_BOARDS)}, found {name!r}")
    return tuple(board for name, board in known.items() if not wanted or name in wanted)


def _subject(name: str, namespace: str | None, url: str | None, context: str | None) -> _Subject:
    """Find whose report it is, and whom to ask: the cluster's own API is not asked."""
    from ekiben.config import file
    from ekiben.config.sections import Release

    if (file.folder(name, session.project()) / "ekiben.yaml").is_file():
        traveller = session.traveller(name, namespace=namespace)
        release, place = traveller.config.release_name, traveller.namespace
        url = url or traveller.config.observe.prometheus_url
    else:
        release, place = name, namespace or Release().namespace
    for value in (release, place):
        if not _NAME.fullmatch(value):
            raise ConfigError(f"expected the name of a model, release or namespace, found {value!r}")
    url = url or session.address(context).prometheus_url
    if not url:
        raise ConfigError(
            "expected the address of Prometheus, found none",
            remedy="give it with --prometheus, or set `observe.prometheus_url` in ekiben.yaml",
        )
    return _Subject(place, release, url)


def _lines(found: Report, path: Path) -> list[str]:
    from ekiben.diagnosis.report import findings

    panels = [panel for board in found.boards for panel in board.panels()]
    data = sum(panel.has_data for panel in panels)
    said = [f"finding    {each.panel}: {each.text}" for each in findings.found(found)]
    return [
        f"release    {found.chosen.namespace}/{found.chosen.release}",
        f"panels     {data} of {len(panels)} have data",
        *said,
        f"page       {path}",
    ]


def _problem(found: Report) -> str:
    """Why the command does not end with 0."""
    if found.failed:
        return f"{found.failed} panels or marks could not be asked; the page says which, and why"
    if not found.has_data:
        who = f"{found.chosen.namespace}/{found.chosen.release}"
        return f"expected data of {who}, found none; the page says of each panel why"
    return ""
