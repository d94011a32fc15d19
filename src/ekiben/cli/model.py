"""The model store on the command line: `ekiben model list | show | compare | promote | history | ...`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekiben.cli import model_text, options, output, session
from ekiben.cli.model_prune import Namespaces, prune
from ekiben.cli.model_verify import verify
from ekiben.cli.train import PANEL
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.jsonable import jsonable

if TYPE_CHECKING:
    from ekiben.artefact.comparison import Comparison
    from ekiben.artefact.ledger import Event
    from ekiben.identifiers import ModelTag

Reference = Annotated[
    str,
    typer.Argument(
        metavar="MODEL[:VERSION|ALIAS]", help="A version, the start of one, or an alias; default: latest."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `model` and its verbs."""
    group = typer.Typer(no_args_is_help=True, help="Versions of models in BentoML's store.")
    group.command("list")(list_)
    for verb in (show, compare, promote, history, export):
        group.command()(verb)
    group.command("import")(import_)
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


def show(reference: Reference, as_json: options.Json = False) -> None:
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
    before: Reference,
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
    output.emit(
        {**jsonable(found), "breaking": found.breaking}, model_text.comparison(found), as_json=as_json
    )
    if check and found.breaking:
        raise AcceptanceError(
            f"expected no change between {found.before} and {found.after} that breaks callers, found "
            + "; ".join(f"{each.kind}: {each.place}" for each in found.changes if each.breaking),
            remedy="give the new version a name of its own, or change its callers first",
        )


def promote(
    reference: Reference,
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
    namespace: Namespaces = None,
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
        {**jsonable(found)},
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
