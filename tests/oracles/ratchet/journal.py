"""What came of each Deployment, a line each, only appended; and the recordings that `make test` replays."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.oracles import build, hpa_ours
from tests.oracles.closed_loop import journal, plane
from tests.oracles.closed_loop.trace import Json
from tests.oracles.metric_faults import autoscalers
from tests.torture.pod import results

SEED = 1
GOAL = {"demand": 200, "stock": 20}  # rollouts, at least
NAMES = ("demand", "cpu", "stock", "follows")
FILE = build.ROOT / "docs" / "scaling" / "ratchet.jsonl"
RECORDINGS = build.ROOT / "tests" / "unit" / "scale" / "hpa" / "ratchet.jsonl.gz"
KEPT = ("demand-2", "demand-19", "cpu-0", "stock-3", "follows-0")
_ASIDE = {"__main__.py", "journal.py"}  # what only keeps and shows results
_OURS = ("demand", "cpu")


def code() -> str:
    """Hash of what is played and how it is judged: another one makes recorded lines void."""
    own = [each for each in sorted(Path(__file__).parent.glob("*.py")) if each.name not in _ASIDE]
    loop = [each for each in Path(plane.__file__).parent.glob("*.py") if each.name not in _ASIDE]
    room = journal._ROOM.glob("*.py")
    return results.digest([*room, Path(hpa_ours.__file__), Path(autoscalers.__file__), *own, *loop])


def valid(seed: int, lines: Iterable[Json]) -> dict[str, Json]:
    """The newest line of each Deployment that holds for the code as it is, by name."""
    wanted = {"seed": seed, "code": code(), "kubernetes": plane.kubernetes()}
    return {each["trace"]: each for each in lines if all(each[key] == value for key, value in wanted.items())}


def append(recording: Json, found: Json, origin: journal.Origin, path: Path = FILE) -> None:
    """Add what came of one Deployment."""
    line = {
        **{key: recording[key] for key in ("trace", "seed", "seconds", "kubernetes", "spec")},
        **found,
        **asdict(origin),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, separators=(",", ":")) + "\n")


def recordings(path: Path = RECORDINGS) -> list[Json]:
    """Those that are kept."""
    return journal.recordings(path)


def keep(new: Iterable[Json], path: Path = RECORDINGS) -> None:
    """Put some recordings in the place of older ones of the same Deployments."""
    chosen = [each for each in new if each["trace"] in KEPT]
    kept = {each["trace"]: each for each in (*recordings(path), *chosen)}
    lines = [json.dumps(kept[name], separators=(",", ":")) for name in sorted(kept)]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def sums(lines: Iterable[Json], name: str) -> Json:
    """Of all Deployments with one HPA."""
    mine = [each for each in lines if each["trace"].rpartition("-")[0] == name]
    made: Json = {
        key: sum(each[key] for each in mine)
        for key in ("rollouts", "surged", "rescales", "syncs", "identical")
    }
    drifts = [each["last"] - each["first"] for each in mine]
    worst = max(mine, key=lambda each: int(each["most"] - each["first"]), default=None)
    return made | {
        "deployments": len(mine),
        "drifted": sum(each != 0 for each in drifts),
        "drift": sum(drifts),
        "worst": "" if worst is None else f"{worst['first']} to {worst['most']}",
    }


def met(lines: Iterable[Json]) -> bool:
    """Ekiben's HPAs never rescaled over enough rollouts that surged; the stock one drifted over enough."""
    lines = list(lines)
    found = {name: sums(lines, name) for name in NAMES}
    enough = all(found[name]["rollouts"] >= least for name, least in GOAL.items())
    still = all(found[name]["rescales"] == 0 and found[name]["surged"] for name in _OURS)
    return enough and still and bool(found["stock"]["drift"] and found["follows"]["drift"])


def table(lines: Iterable[Json]) -> str:
    """One row per HPA, Markdown."""
    lines = list(lines)
    head = (
        "HPA",
        "Deployments",
        "rollouts",
        "syncs that saw a surge",
        "rescales",
        "drift",
        "worst",
        "as ekiben says",
    )
    made: list[tuple[str, ...]] = [head, ("---", *("---:",) * (len(head) - 1))]
    said = {
        "demand": "ekiben's, demand and CPU net",
        "cpu": "ekiben's, CPU",
        "stock": "KEDA's defaults",
        "follows": "KEDA's defaults, a metric that follows the pods",
    }
    for name in NAMES:
        found = sums(lines, name)
        made.append((
            said[name], f"{found['deployments']}", f"{found['rollouts']}", f"{found['surged']:,}",
            f"{found['rescales']}", f"{found['drift']:+d}" if found["drift"] else "0", found["worst"],
            f"{found['identical']:,} of {found['syncs']:,}",
        ))  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in made)


def figure() -> str:
    """What the journal shows for the code as it is, for the page about the HPA."""
    lines = list(valid(SEED, journal.read(FILE)).values())
    if not lines:
        return "Not played since the code changed; next: `make oracle-ratchet`."
    ours, stock = (sums(lines, name) for name in ("demand", "stock"))
    return (
        f"**{ours['rescales']} rescales and {abs(ours['drift'])} replicas of drift in {ours['rollouts']} "
        f"rollouts** of {ours['deployments']} Deployments with ekiben's HPA for the demand; "
        f"{stock['drift']:+d} replicas in "
        f"{stock['rollouts']} rollouts of {stock['deployments']} with KEDA's defaults. The goal (200 and 20 "
        f"rollouts, no drift and some) is {'met' if met(lines) else 'missed'}.\n"
        f"kube-controller-manager {plane.kubernetes()}, seed {SEED}, code {lines[0]['code']}; raw results: "
        f"`docs/scaling/ratchet.jsonl`.\n\n{table(lines)}"
    )
