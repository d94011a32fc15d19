"""Station 5 on the command line: requests to a release, and the way back."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer

from ekiben.cli import options, output, session
from ekiben.errors import ConfigError

PANEL = "5 traffic: requests to a release, and the way back"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(predict)
    app.command(rich_help_panel=PANEL)(rollback)
    app.command(rich_help_panel=PANEL)(uninstall)


def _rows(text: str, default: list[Any]) -> list[Any]:
    if not text:
        return default
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--rows: expected JSON, found {text[:80]!r}: {error}") from error
    if not isinstance(found, list) or not found:
        raise ConfigError("--rows: expected a list of rows, e.g. '[[5.1, 3.5, 1.4, 0.2]]'")
    return found if isinstance(found[0], list | dict) else [found]


def predict(
    model: options.Model,
    rows: Annotated[
        str, typer.Option("--rows", metavar="JSON", help="Rows to predict; default: the first golden row.")
    ] = "",
    key_file: options.KeyFile = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Ask the released model for predictions."""
    from ekiben.release import credential
    from ekiben.road import stations
    from ekiben.traffic import predict as room

    traveller = session.traveller(model, namespace=namespace)
    asked = _rows(rows, stations.golden_instances(traveller)[:1] if not rows else [])
    own = credential.given(os.environ, key_file)
    address = session.address(context)
    answer = room.predict(traveller.config, asked, address, namespace=traveller.namespace, credential=own)
    output.emit(answer, [json.dumps(answer, indent=2)], as_json=as_json)


def rollback(
    model: options.Model,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="REVISION", help="Revision number; default: the one verified before."),
    ] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Go back to a revision that was verified, and verify it again."""
    from ekiben.traffic import rollback as room

    traveller = session.traveller(model, namespace=namespace)
    address = session.address(context)
    if dry_run:
        goal = room.destination(traveller.config, address, namespace=traveller.namespace, to=to)
        output.emit(goal, [f"would roll back to {goal}"], as_json=as_json)
        return
    revision = room.rollback(traveller.config, address, namespace=traveller.namespace, to=to)
    output.emit({"revision": revision}, [f"rolled back: {revision}"], as_json=as_json)


def uninstall(
    model: options.Model,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys", help="Remove the callers' keys too; else they are good again after the next release."
        ),
    ] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Remove the release and its record from the cluster; callers' keys stay unless --keys is given."""
    from ekiben.release.keys import secret_name
    from ekiben.traffic import uninstall as room

    traveller = session.traveller(model, namespace=namespace)
    address = session.address(context)
    name = f"{traveller.namespace}/{traveller.config.release_name}"
    if dry_run:
        config = traveller.config
        secret = f"{traveller.namespace}/{secret_name(config.release.values, config.release_name)}"
        fate = "remove" if keys else "keep"
        lines = [
            f"would remove {name} from {address.context}",
            f"would {fate} callers' keys, in Secret {secret}",
        ]
        output.emit({"release": name, "keys": fate, "secret": secret}, lines, as_json=as_json)
        return
    gone = room.uninstall(traveller.config, address, namespace=traveller.namespace, keys=keys)
    traveller.journey.forget("release")
    lines = [f"removed {gone.removed}"]
    if gone.kept_keys:
        lines.append(
            f"kept the keys of {', '.join(gone.kept_keys)} in Secret {gone.secret}, good again after the "
            f"next release; `ekiben uninstall {model} --keys` removes them"
        )
    output.emit(gone, lines, as_json=as_json)
