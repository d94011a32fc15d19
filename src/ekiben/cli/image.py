"""Station 3 on the command line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekiben.cli import options, output, session
from ekiben.cli.verb import DEFAULT, Verb

if TYPE_CHECKING:
    from ekiben.image.inspection import Inspection, Size

PANEL = "3 image: a bento tag -> an image by digest, in a registry"
_MB = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    group = typer.Typer(
        cls=Verb, no_args_is_help=True, help="Make the image of the bento and push it to a registry."
    )
    group.command(DEFAULT)(make)
    group.command()(inspect)
    app.add_typer(group, name="image", rich_help_panel=PANEL)


def make(
    model: options.Model,
    registry: Annotated[
        str,
        typer.Option("--registry", metavar="HOST[:PORT]", help="Where to push; default: the cluster's own."),
    ] = "",
    renew_base: Annotated[
        bool,
        typer.Option("--renew-base", help="Make the base anew, with the updates that Debian has by now."),
    ] = False,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Make the image of the bento and push it to a registry; the word `make` may be left out."""
    from ekiben.road import stations

    traveller = session.traveller(model)
    named = registry or traveller.config.image.registry
    address = session.address(context) if context or not named else None
    if dry_run:
        tag, place = traveller.left("bento")["tag"], named or (address.registry if address else "")
        line = f"would make the image of {tag} and push it to {place}/{traveller.config.image.repository}"
        output.emit({"bento": tag, "registry": place}, [line], as_json=as_json)
        return
    left = stations.image(traveller, registry, address, renew_base=renew_base).output
    output.emit(
        left,
        [
            f"image    {left['image']}",
            f"size     {left['compressed_bytes'] / _MB:.1f} MB compressed, {len(left['layers'])} layers",
            *(
                f"         {each['platform']} {each['compressed_bytes'] / _MB:.1f} MB, {each['digest']}"
                for each in left["platforms"]
                if len(left["platforms"]) > 1
            ),
            f"pushed   by {left['backend']}",
        ],
        as_json=as_json,
    )


def inspect(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="[MODEL|REFERENCE]",
            help="A model that has an image, an image in a registry (host/repository@digest or :tag), "
            "or the folder of an OCI layout.",
        ),
    ],
    packages: Annotated[
        int, typer.Option("--packages", metavar="N", help="How many packages to list, largest first.", min=0)
    ] = 20,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Speak plain HTTP to the registry of REFERENCE.")
    ] = False,
    ca_file: Annotated[
        str,
        typer.Option("--ca-file", metavar="FILE", help="CA certificate (PEM) of the registry of REFERENCE."),
    ] = "",
    auth_file: Annotated[
        str, typer.Option("--auth-file", metavar="FILE", help="Credentials of the registry of REFERENCE.")
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Show what takes how much of an image, by layer and by package."""
    found = _inspected(reference, {"insecure": insecure, "ca_file": ca_file, "auth_file": auth_file})
    every = (found, *found.others)
    if as_json or not sys.stdout.isatty():
        lines = [line for each in every for line in _lines(each, packages)]
        output.emit(found, lines, as_json=as_json)
        return
    from rich.console import Console

    for each in every:
        for part in (each.layers, each.packages[:packages]):
            Console().print(_table(part))
        print(_sum(each))


def _inspected(reference: str, access: Mapping[str, Any]) -> Inspection:
    """The image that a model left, or the one that was named; the options are how its registry is reached."""
    from ekiben import config
    from ekiben.errors import ConfigError
    from ekiben.image import finding

    project = session.project()
    if (project / "bentos" / reference / "ekiben.yaml").is_file():
        if given := [f"--{name.replace('_', '-')}" for name, value in access.items() if value]:
            raise ConfigError(
                f"{', '.join(given)}: expected a reference into a registry, found the model {reference}, "
                "whose image is on this machine",
                remedy="leave the option out, or name the image as host/repository@digest",
            )
        traveller = session.traveller(reference)
        return finding.inspect(str(traveller.left("image")["archive"]), traveller.config.image)
    return finding.inspect(reference, config.Image(repository="any", **access))


def _rows(sizes: tuple[Size, ...]) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            one.name,
            one.layer,
            f"{one.compressed_bytes / _MB:.2f}",
            f"{one.unpacked_bytes / _MB:.2f}",
            str(one.files),
        )
        for one in sizes
    ]


def _lines(found: Inspection, count: int) -> list[str]:
    lines = []
    for title, sizes in (("layer", found.layers), ("package", found.packages[:count])):
        lines.append(f"{title:<28} {'in layer':<14} {'MB':>8} {'unpacked MB':>12} {'files':>7}")
        lines += [
            f"{name:<28} {layer:<14} {packed:>8} {plain:>12} {files:>7}"
            for name, layer, packed, plain, files in _rows(sizes)
        ]
        lines.append("")
    return [*lines, _sum(found)]


def _table(sizes: tuple[Size, ...]) -> object:
    from rich.table import Table

    table = Table("name", "layer")
    for heading in ("MB", "unpacked MB", "files"):
        table.add_column(heading, justify="right")
    for row in _rows(sizes):
        table.add_row(*row)
    return table


def _sum(found: Inspection) -> str:
    return f"{found.compressed_bytes / _MB:.1f} MB compressed, {found.platform}, {found.digest}"
