"""How far replicas drifted over rollouts, by the real controller and by ekiben's. Pure."""

from __future__ import annotations

from tests.oracles.closed_loop import replay
from tests.oracles.closed_loop.trace import Json


def of(recording: Json) -> Json:
    """What came of one Deployment.

    Returns:
        `rollouts` that were completed, `surged` syncs that saw more pods than replicas, replicas at `first`,
        at `last` and at `most`, `rescales`; `identical` decisions of ekiben's controller among `syncs`.
    """
    specs = [each["spec"] for each in recording["steps"]]
    wanted = [each["r"] for each in recording["done"]]
    ours = [each["r"] for each in replay.decisions(recording)]
    return {
        "rollouts": rollouts(recording),
        "surged": sum(each["status"] > each["spec"] for each in recording["steps"]),
        "first": specs[0],
        "last": wanted[-1],
        "most": max(wanted),
        "rescales": sum(a != b for a, b in zip(specs, wanted, strict=True)),
        "syncs": len(wanted),
        "identical": sum(a == b for a, b in zip(ours, wanted, strict=True)),
    }


def rollouts(recording: Json) -> int:
    """Templates that all pods came to have, but for the first: a pod's name holds its template's hash."""
    whole: set[str] = set()
    for step in recording["steps"]:
        hashes = {each["n"].split("-")[1] for each in step.get("pods", []) if not each.get("d")}
        if len(hashes) == 1:
            whole |= hashes
    return max(0, len(whole) - 1)
