"""A verb that has subcommands beside its own work: `ekiben image iris`, `ekiben image inspect iris`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT = "make"  # may be left out; refused as a model's name, as the subcommands are


class Verb(TyperGroup):
    """Takes a first word that is no subcommand for the model that `make` is about."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default in where no subcommand is named; `--help` shows them all."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [DEFAULT, *args]
        return list(super().parse_args(ctx, args))
