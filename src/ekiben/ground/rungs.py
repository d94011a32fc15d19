"""Which ground carries the road here: four rungs, the best that this machine reaches, and why."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Literal

from ekiben.clients import command
from ekiben.ground import preflight

Rung = Literal["context", "kind", "local", "process"]
_ENGINES = ("docker", "podman")


@dataclass(frozen=True, slots=True)
class Choice:
    """A rung and why.

    Attributes:
        rung: `context`, `kind`, `local` or `process`.
        reason: One sentence.
        missing: What a better rung would need, each with its remedy; empty on the best that is wanted.
    """

    rung: Rung
    reason: str
    missing: tuple[str, ...] = ()


def decide(named: str, engine: str, has_kind: bool, local: tuple[str, ...]) -> Choice:
    """Choose from what was found; pure.

    Args:
        named: Context that the user named; empty if none.
        engine: Container engine that runs; empty if none does.
        has_kind: The program kind is there.
        local: What a node on this machine lacks; empty if nothing.
    """
    if named:
        return Choice("context", f"the context {named} was named")
    kind = kind_lacks(engine, has_kind)
    if not kind:
        return Choice("kind", f"{engine} runs and kind is there")
    if not local:
        return Choice("local", "Linux as root with what a node of this machine needs", kind)
    return Choice("process", "neither a container engine with kind nor what a node needs", (*kind, *local))


def kind_lacks(engine: str, has_kind: bool) -> tuple[str, ...]:
    """What the rung `kind` lacks."""
    lacks = []
    if not engine:
        lacks.append("for kind: expected a running Docker or Podman, found none (install and start one)")
    if not has_kind:
        lacks.append("for kind: expected the program kind on PATH, found none (https://kind.sigs.k8s.io)")
    return tuple(lacks)


def choose(context: str | None) -> Choice:
    """Choose the ground for this machine.

    Args:
        context: `--context`; else `EKIBEN_CONTEXT`; never the current context by accident.
    """
    named = context or os.environ.get("EKIBEN_CONTEXT", "")
    if named:
        return decide(named, "", has_kind=False, local=())
    local = tuple(f"for a local node: {need}" for need in preflight.basics())
    return decide("", running_engine(), shutil.which("kind") is not None, local)


def running_engine() -> str:
    """The container engine whose daemon (or service) answers; empty if none does."""
    for engine in _ENGINES:
        if shutil.which(engine):
            done = command.run([engine, "info"], check=False, show=False, timeout_seconds=20)
            if done.status == 0:
                return engine
    return ""
