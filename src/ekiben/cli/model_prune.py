"""`ekiben model prune`: room in the store, without what anybody uses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ekiben.cli import model_text, options, output
from ekiben.errors import ConfigError
from ekiben.jsonable import jsonable

Namespaces = Annotated[
    list[str] | None,
    typer.Option("-n", "--namespace", metavar="NAME", help="Namespace to look in, may be repeated; all."),
]


def prune(
    models: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="Default: all.")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="MODEL:VERSION",
            help="Version that stays, may be repeated; a cluster that cannot be asked is then no obstacle.",
        ),
    ] = None,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Only what was stored earlier: 30m, 24h, 7d.")
    ] = "7d",
    bentos: Annotated[
        bool, typer.Option("--bentos", help="Remove bentos too, where nothing but they keeps the model.")
    ] = False,
    namespace: Namespaces = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="NAME", help="Cluster to ask too, may be repeated."),
    ] = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Remove versions that no alias, bento or release uses.

    Asked are the clusters that the store's history names, the local one that runs, and those of --context.
    """
    from ekiben.artefact import catalogue, pruning, store
    from ekiben.cli import model_uses
    from ekiben.release import keys, record

    home, now = store.home(), datetime.now(UTC)
    kept = {str(catalogue.find(each, home).version): ["--keep"] for each in keep or []}
    used = model_uses.find(home, context or [], namespace or [], forgiving=bool(keep))
    for version, places in used.items():
        kept.setdefault(version, []).extend(places)
    age = keys.duration(older_than)
    if age is None:
        raise ConfigError("--older-than: expected a time such as 7d, found never: nothing is that old")
    rules = pruning.Rules(kept, now - age, bentos=bentos, names=tuple(models or ()))
    found = pruning.plan(home, rules) if dry_run else pruning.remove(home, rules, at=now, by=record.user())
    output.emit(jsonable(found), model_text.pruned(found, dry_run=dry_run), as_json=as_json)
