"""A version of a model as one file, on the command line: `ekiben model export | import`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ekiben.cli import model_text, options, output

Reference = Annotated[
    str,
    typer.Argument(
        metavar="MODEL[:VERSION|ALIAS]", help="A version, the start of one, or an alias; default: latest."
    ),
]


def export(
    reference: Reference,
    target: Annotated[
        Path, typer.Argument(metavar="FILE", help="File that is made; compressed if it ends in .zst.")
    ],
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Write a version into one file; of a plain tar every machine makes the same bytes."""
    from ekiben.artefact import catalogue, exchange, store

    home = store.home()
    tag = catalogue.find(reference, home)
    if dry_run:
        sha256 = store.require(tag, home)
        value = {"tag": tag, "artefact_sha256": sha256, "path": target}
        output.emit(value, [f"would write {tag} to {target}"], as_json=as_json)
        return
    found = exchange.export(tag, target, home)
    output.emit(
        found,
        [
            f"model    {found.tag}",
            f"file     {found.path} ({model_text.size(found.size_bytes)})",
            f"sha256   {found.sha256}",
        ],
        as_json=as_json,
    )


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `ekiben model export` wrote.")],
    most_bytes: Annotated[
        int, typer.Option("--most-bytes", metavar="N", min=1, help="Most bytes of all files together.")
    ] = 4 << 30,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Verify a file as a whole, and only then put its model into the store; never overwrites a version."""
    from ekiben.artefact import exchange, store
    from ekiben.release import record

    now, user = datetime.now(UTC), record.user()
    found = exchange.take(source, store.home(), by=user, at=now, most_bytes=most_bytes, dry_run=dry_run)
    done = "would import" if dry_run else "imported"
    what = f"{done} {found.tag}" if found.new else f"{found.tag} is in the store already; nothing was changed"
    output.emit(
        found, [what, f"artefact {found.artefact_sha256}", f"folder   {found.folder}"], as_json=as_json
    )
