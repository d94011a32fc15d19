"""Keys of the seal on the command line: `ekiben seal keypair | secret FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ekiben.cli import options, output

PANEL = "2 bento: a model tag -> a bento"
_File = Annotated[Path, typer.Argument(metavar="FILE", help="File that is made, with mode 0600.")]


def register(app: typer.Typer) -> None:
    """Add `seal keypair | secret`."""
    group = typer.Typer(no_args_is_help=True, help="Keys that sign and encrypt models.")
    for verb in (keypair, secret):
        group.command()(verb)
    app.add_typer(group, name="seal", rich_help_panel=PANEL)


def keypair(file: _File, as_json: options.Json = False, dry_run: options.DryRun = False) -> None:
    """Make a signing key in FILE and its public half in FILE.pub; print the public half."""
    from ekiben.artefact.seal import keys

    public = f"{file}.pub"
    if dry_run:
        output.emit(
            {"would": "make a key pair", "key_file": file, "public_file": public},
            [f"would make {file} and {public}"],
            as_json=as_json,
        )
        return
    made = keys.create_pair(file)
    output.emit(
        {
            "key_file": file,
            "public_file": public,
            "signer": made.text,
            "fingerprint": made.fingerprint,
        },
        [
            f"private  {file} (for its owner alone)",
            f"public   {public}",
            f"signer   {made.text}",
            "next     in ekiben.yaml, below bento:",
            f"         seal: {{key_file: {file}, signers: [{made.text}]}}",
        ],
        as_json=as_json,
    )


def secret(file: _File, as_json: options.Json = False, dry_run: options.DryRun = False) -> None:
    """Make an encryption key in FILE; it is not printed."""
    from ekiben.artefact.seal import keys

    if dry_run:
        output.emit(
            {"would": "make an encryption key", "key_file": file}, [f"would make {file}"], as_json=as_json
        )
        return
    keys.create_secret(file)
    output.emit(
        {"key_file": file},
        [
            f"key      {file} (for its owner alone)",
            f"next     kubectl -n NAMESPACE create secret generic NAME --from-file=model={file}",
            f"next     in ekiben.yaml, below bento: seal: {{encryption: {{key_file: {file}, secret: NAME}}}}",
        ],
        as_json=as_json,
    )
