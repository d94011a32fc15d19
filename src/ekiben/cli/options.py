"""Options that many commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of a folder below bentos/.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done and change nothing.")]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        envvar="EKIBEN_CONTEXT",
        metavar="NAME",
        help="Context of the kubeconfig. Without it: the local cluster made by `ekiben cluster up`.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option("-n", "--namespace", metavar="NAME", help="Namespace; default: `release.namespace`."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File with a key or token for the release; default: EKIBEN_API_KEY, then its own key.",
    ),
]
ClusterName = Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the local cluster.")]
