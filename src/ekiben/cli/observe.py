"""Station 7 on the command line."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
