"""API keys of a release on the command line: `ekiben key create | rotate | revoke | list MODEL`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekiben.cli import options, output, session
from ekiben.cli.traffic import PANEL
from ekiben.errors import ConfigError

if TYPE_CHECKING:
    from ekiben.release.keys import Records
    from ekiben.road.stations import Traveller
    from ekiben.serving.exchange import Group

_log = logging.getLogger(__name__)
_Id = Annotated[str, typer.Argument(metavar="ID", help="Who the key is for; its name in logs and limits.")]
_Expires = Annotated[
    str, typer.Option("--expires", metavar="TIME", help="How long it is valid: 30m, 24h, 90d, or never.")
]


def register(app: typer.Typer) -> None:
    """Add `key create | rotate | revoke | list`."""
    group = typer.Typer(no_args_is_help=True, help="Who may call a release that asks for keys.")
    for verb in (create, rotate, revoke):
        group.command()(verb)
    group.command("list")(list_)
    app.add_typer(group, name="key", rich_help_panel=PANEL)


def create(
    model: options.Model,
    identifier: _Id,
    scope: Annotated[
        str,
        typer.Option(
            "--scope", metavar="GROUPS", help="What it may call: predict, explain, metadata, admin."
        ),
    ] = "predict,metadata",
    expires: _Expires = "90d",
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Make a caller's first key and print it, once; only its hash is stored."""
    from ekiben.release import keys

    now, leave = datetime.now(UTC), _scope(scope)
    new = keys.made(_not_ours(identifier), leave, now=now, lasts=keys.duration(expires))
    what = f"a key of {identifier} for {', '.join(sorted(leave))}, valid {_until(expires)}"
    place = _Place(session.traveller(model, namespace=namespace), context)
    if dry_run:
        place.would(f"add {what}", as_json=as_json)
        return
    place.change(lambda found: keys.with_new(found, new.record, now))
    place.show(new, what, as_json=as_json)


def rotate(
    model: options.Model,
    identifier: _Id,
    grace: Annotated[
        str, typer.Option("--grace", metavar="TIME", help="How long the old key stays valid: 30m, 24h, 7d.")
    ] = "24h",
    expires: _Expires = "90d",
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Make a second key with the same leave, print it, and let the old one end after a grace."""
    from ekiben.release import keys

    now, ends = datetime.now(UTC), keys.duration(grace)
    if ends is None:
        raise ConfigError("--grace: expected a time such as 24h, found never: the old key would stay")
    new = keys.made(_not_ours(identifier), (), now=now, lasts=keys.duration(expires))
    what = f"a second key of {identifier}, valid {_until(expires)}; the old one ends in {grace}"
    place = _Place(session.traveller(model, namespace=namespace), context)
    if dry_run:
        place.would(f"add {what}", as_json=as_json)
        return
    place.change(lambda found: keys.with_next(found, new.record, now, ends))
    place.show(new, what, as_json=as_json)


def revoke(
    model: options.Model,
    which: Annotated[
        str, typer.Argument(metavar="ID|FINGERPRINT", help="All keys of an id, or one (`ekiben key list`).")
    ],
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """End a key now: pods refuse it within seconds (90 where you may not patch pods)."""
    from ekiben.release import keys

    place = _Place(session.traveller(model, namespace=namespace), context)
    if dry_run:
        place.would(f"revoke {which}", as_json=as_json)
        return
    place.change(lambda found: keys.without(found, which))
    output.emit(
        {"revoked": which, "secret": place.secret}, [f"revoked {which} in {place.secret}"], as_json=as_json
    )


def list_(
    model: options.Model,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Say which keys there are: ids, leave, ends; never a key."""
    from ekiben.clients.cluster import connect
    from ekiben.release import keys

    place = _Place(session.traveller(model, namespace=namespace), context)
    address = session.address(context)
    with connect(address.kubeconfig, address.context) as cluster:
        found = keys.listed(keys.read(cluster, place.namespace, place.name), datetime.now(UTC))
    lines = [
        f"{each.id:<20} {each.fingerprint}  {each.state:<8} {','.join(each.groups):<24} "
        f"until {each.expires or 'revoked'}"
        for each in found
    ]
    output.emit(found, lines or [f"no keys in {place.secret}"], as_json=as_json)


class _Place:
    """The Secret of one release."""

    def __init__(self, traveller: Traveller, context: str | None) -> None:
        from ekiben.release import keys

        self._context = context
        self.release = traveller.config.release_name
        self.namespace = traveller.namespace
        self.name = keys.secret_name(traveller.config.release.values, self.release)
        self.secret = f"Secret {self.namespace}/{self.name}"
        self._required = traveller.config.release.access == "required"

    def change(self, changed: Callable[[Records], Records]) -> None:
        """Change the keys in the cluster."""
        from ekiben.clients.cluster import connect
        from ekiben.release import keys

        address = session.address(self._context)
        with connect(address.kubeconfig, address.context) as cluster:
            keys.change(cluster, self.namespace, self.name, self.release, changed)

    def would(self, what: str, *, as_json: bool) -> None:
        """Say what would be done."""
        output.emit(
            {"would": what, "secret": self.secret}, [f"would {what}, in {self.secret}"], as_json=as_json
        )

    def show(self, new: Any, what: str, *, as_json: bool) -> None:
        """Print a key alone on stdout, so that it can be piped; all else goes to stderr."""
        _log.info("%s: %s; it is shown this once", self.secret, what)
        if not self._required:
            _log.warning("release.access is none: nobody is asked for it until ekiben.yaml says required")
        record = new.record.document()
        shown = {"key": new.text, "id": record["id"], "expires": record["expires"], "secret": self.secret}
        output.emit(shown, [new.text], as_json=as_json)


def _scope(text: str) -> frozenset[Group]:
    from ekiben.serving.access.credential import groups

    try:
        return groups(text.split(","))
    except ValueError as error:
        raise ConfigError(f"--scope: {error}, found {text!r}") from None


def _not_ours(identifier: str) -> str:
    from ekiben.release import keys

    if identifier == keys.OWN:
        raise ConfigError(f"{identifier!r} is the release's own key: releases make and renew it themselves")
    return identifier


def _until(expires: str) -> str:
    return "until it is revoked" if expires == "never" else f"for {expires}"
