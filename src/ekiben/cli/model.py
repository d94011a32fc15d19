"""The model store on the command line: `ekiben model list | show | compare | promote | history | ...`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekiben.cli import model_files, model_text, options, output, session
from ekiben.cli.model_verify import verify
from ekiben.cli.train import PANEL
from ekiben.errors import AcceptanceError, ConfigError

if TYPE_CHECKING:
    from ekiben.artefact.comparison import Comparison
    from ekiben.artefact.ledger import Event
    from ekiben.identifiers import ModelTag

_Namespaces = Annotated[
    list[str] | None,
    typer.Option("-n", "--namespace", metavar="NAME", help="Namespace to look in, may be repeated; all."),
]


def register(app: typer.Typer) -> None:
    """Add `model` and its verbs."""
    group = typer.Typer(no_args_is_help=True, help="Versions of models in BentoML's store.")
    group.command("list")(list_)
    for verb in (show, compare, promote, history, model_files.export):
        group.command()(verb)
    group.command("import")(model_files.import_)
    group.command()(verify)
    group.command()(prune)
    app.add_typer(group, name="model", rich_help_panel=PANEL)


def list_(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="One model; default: all.")] = "",
    as_json: options.Json = False,
) -> None:
    """List versions with their aliases, scores and forms, the one stored last first."""
    from ekiben.artefact import catalogue, store

    home = store.home()
    if model and model not in catalogue.names(home):
        raise ConfigError(
            f"expected one of the models {', '.join(catalogue.names(home)) or 'none'}, found {model!r}",
            remedy=f"`ekiben train {model}` stores one",
        )
    found = [
        each
        for name in ([model] if model else catalogue.names(home))
        for each in catalogue.versions(name, home)
    ]
    output.emit(found, model_text.versions(found), as_json=as_json)


def show(reference: model_files.Reference, as_json: options.Json = False) -> None:
    """Show a version: what it takes and gives, its scores, and whether its files are as they were stored."""
    from ekiben.artefact import catalogue, store
    from ekiben.serving.schema import Schema

    home = store.home()
    tag = catalogue.find(reference, home)
    found = catalogue.version(tag, home)
    if found.wrong:
        raise ConfigError(found.wrong, remedy="train it again, or import it again")
    store.require(tag, home)
    schema = Schema.parse(catalogue.document(tag, "schema.json", home))
    value = {"version": found, "schema": schema.document(), "folder": store.folder_of(tag, home)}
    output.emit(value, model_text.version(found, schema, store.folder_of(tag, home)), as_json=as_json)


def compare(
    before: model_files.Reference,
    after: Annotated[
        str, typer.Argument(metavar="[OTHER]", help="The other version; default: latest of the same model.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="End with 6 if a change breaks callers.")] = False,
    as_json: options.Json = False,
) -> None:
    """Compare two versions: changes that break callers, scores with intervals, parameters, libraries.

    `ekiben model compare iris` compares what is in service with what was trained last.
    """
    from ekiben.artefact import aliases, store

    home = store.home()
    name, _, which = before.partition(":")
    first = f"{name}:{which or aliases.IN_SERVICE}"
    found = _comparison(first, after or name, home)
    output.emit({**_asdict(found), "breaking": found.breaking}, model_text.comparison(found), as_json=as_json)
    if check and found.breaking:
        raise AcceptanceError(
            f"expected no change between {found.before} and {found.after} that breaks callers, found "
            + "; ".join(f"{each.kind}: {each.place}" for each in found.changes if each.breaking),
            remedy="give the new version a name of its own, or change its callers first",
        )


def promote(
    reference: model_files.Reference,
    alias: Annotated[
        str, typer.Option("--alias", metavar="NAME", help="The alias that it gets.")
    ] = "in-service",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the history.")] = "",
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Let an alias name this version; says what that breaks for callers of the one before."""
    from ekiben.artefact import aliases, catalogue, store
    from ekiben.release import record

    home = store.home()
    tag = catalogue.find(reference, home)
    aliases.checked(alias)
    store.require(tag, home)
    last = aliases.resolve(tag.name, alias, home)
    breaking = _breaking(last, tag, home)
    value = {"model": tag, "alias": alias, "before": last, "breaking": breaking}
    notes = [f"breaks callers: {each}" for each in breaking]
    was = "not set before" if last is None else f"before: {last.version}"
    if dry_run:
        output.emit(value, [f"would let {tag.name}:{alias} name {tag} ({was})", *notes], as_json=as_json)
        return
    evidence = {"reason": reason} if reason else {}
    written = aliases.assign(
        tag.name, alias, tag, at=datetime.now(UTC), by=record.user(), evidence=evidence, home=home
    )
    line = f"{tag.name}:{alias} is {tag} ({was if written else 'as before'})"
    output.emit({**value, "changed": written}, [line, *notes], as_json=as_json)


def history(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model of the store.")],
    namespace: _Namespaces = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Tell when versions were trained, imported, assigned, released, removed, and with which evidence.

    With --context the release records of that cluster are read too: those of releases from other machines.
    """
    from ekiben.artefact import catalogue, ledger, store
    from ekiben.artefact import history as room

    home = store.home()
    found = room.history(model, home, _released(model, context, namespace or []) if context else [])
    if not found and not ledger.path_of(model, home).exists():
        raise ConfigError(
            f"expected one of the models {', '.join(catalogue.names(home)) or 'none'}, found {model!r}",
            remedy="name the model as `ekiben model list` does",
        )
    output.emit(found, model_text.history(found), as_json=as_json)


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
    namespace: _Namespaces = None,
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
    output.emit(_asdict(found), model_text.pruned(found, dry_run=dry_run), as_json=as_json)


def _comparison(before: str, after: str, home: Path) -> Comparison:
    from ekiben.artefact import catalogue
    from ekiben.artefact.comparison import compare as compared
    from ekiben.artefact.schema_changes import changes
    from ekiben.serving.schema import Schema

    tags = [catalogue.find(each, home) for each in (before, after)]
    cards = [catalogue.document(each, "card.json", home) for each in tags]
    old, new = (Schema.parse(catalogue.document(each, "schema.json", home)) for each in tags)
    return compared(str(tags[0]), str(tags[1]), (cards[0], cards[1]), changes(old, new))


def _breaking(last: ModelTag | None, tag: ModelTag, home: Path) -> list[str]:
    """What callers of the version that had the alias meet; nothing if that one is gone or damaged."""
    if last is None or last == tag:
        return []
    try:
        found = _comparison(str(last), str(tag), home)
    except ConfigError:
        return []
    return [f"{each.kind}: {each.place}" for each in found.changes if each.breaking]


def _released(model: str, context: str, namespaces: list[str]) -> list[Event]:
    from ekiben.artefact.ledger import Event
    from ekiben.clients.cluster import connect
    from ekiben.release import service, uses

    address = session.address(context)
    with connect(address.kubeconfig, address.context) as cluster:
        found = uses.served(cluster, namespaces)
    return [
        Event(
            "released",
            each.entry.model.version,
            each.entry.at,
            each.entry.by,
            "",
            service.evidence(each.entry, each.context, each.namespace, each.release),
        )
        for each in found
        if each.entry.model.name == model
    ]


def _asdict(found: Any) -> dict[str, Any]:
    from ekiben.jsonable import jsonable

    value: dict[str, Any] = jsonable(found)
    return value
