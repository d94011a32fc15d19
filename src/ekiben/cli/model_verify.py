"""`ekiben model verify`: is an artefact what was trained, and who says so?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ekiben.cli import options, output, session

_What = Annotated[
    str,
    typer.Argument(
        metavar="NAME|NAME:VERSION|FOLDER",
        help="A model of the store, a version of it, or an artefact's folder.",
    ),
]
_Key = Annotated[
    list[Path] | None,
    typer.Option(
        "--key",
        metavar="PUB",
        help="Public key (PEM) that must have signed; may be given again: one of them. "
        "Default: bento.seal.signers of the model.",
    ),
]
_Keys = Annotated[
    Path | None, typer.Option("--keys", metavar="DIR", help="Folder with decryption keys, one file per id.")
]


def verify(what: _What, key: _Key = None, keys: _Keys = None, as_json: options.Json = False) -> None:
    """Check every byte of an artefact and its signature, as a pod does before it reads the model."""
    from ekiben.artefact.seal import check

    found = check.verify(what, session.project(), tuple(key or ()), keys)
    signed = f"signed by {found.signer}" if found.signer else "no signature was asked for"
    held = f"encrypted with the key {found.key_id}" if found.key_id else "not encrypted"
    output.emit(
        found,
        [
            f"model    {found.model}",
            f"artefact {found.artefact_sha256}",
            f"files    {found.files}, {found.bytes / 1e6:.1f} MB, as the manifest lists them",
            f"forms    {', '.join(found.forms)}; {found.predictor} answers",
            f"format   {found.estimator_format}",
            f"seal     {signed}, {held}",
        ],
        as_json=as_json,
    )
