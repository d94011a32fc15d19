"""What was compared, a line of the journal for each trace, only appended; and the recordings themselves.

The recordings are what `make test` gives to ekiben's controller again, without a control plane.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.oracles import build, hpa_ours
from tests.oracles.closed_loop import plane
from tests.oracles.closed_loop.trace import SECONDS, SEED, Json
from tests.oracles.closed_loop.traces import TRACES
from tests.torture.pod import results

FILE = build.ROOT / "docs" / "scaling" / "closed-loop.jsonl"
RECORDINGS = build.ROOT / "tests" / "unit" / "scale" / "hpa" / "closed-loop.jsonl.gz"
GOAL = 0.995  # share of identical decisions, at least; the others within one sync
_ROOM = build.ROOT / "src" / "ekiben" / "scale" / "hpa"
_ASIDE = {"__main__.py", "journal.py"}  # what only keeps and shows results
_RESCALED = "SucceededRescale"
_SUMS = ("syncs", "rescales", "identical", "within_one", "statuses", "racing", "refused")


def code() -> str:
    """Hash of what is compared and how: another one makes recorded traces void."""
    own = [each for each in sorted(Path(__file__).parent.glob("*.py")) if each.name not in _ASIDE]
    return results.digest([*_ROOM.glob("*.py"), Path(hpa_ours.__file__), *own])


def read(path: Path = FILE) -> list[Json]:
    """All lines, oldest first; none if there is no file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def valid(seed: int, seconds: int, lines: Iterable[Json]) -> dict[str, Json]:
    """The newest line of each trace that holds for the code as it is, by name."""
    wanted = {"seed": seed, "seconds": seconds, "code": code(), "kubernetes": plane.kubernetes()}
    return {each["trace"]: each for each in lines if all(each[key] == value for key, value in wanted.items())}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run's results come from, asked before it begins: files may change under a run of minutes.

    Attributes:
        code: As `code` says it.
        commit: Of the tree, with `+` if files differ from it.
        machine: Processor, cores, memory, kernel, Python.
    """

    code: str
    commit: str
    machine: str

    @classmethod
    def now(cls) -> Self:
        """Of the tree and machine as they are."""
        return cls(code(), results.commit(), results.machine())


def append(recording: Json, compared: Json, origin: Origin, path: Path = FILE) -> None:
    """Add what came of one trace."""
    line = {
        **{key: recording[key] for key in ("trace", "seed", "seconds", "kubernetes")},
        **compared,
        **asdict(origin),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def recordings(path: Path = RECORDINGS) -> list[Json]:
    """The last recording of each trace, by name."""
    if not path.exists():
        return []
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def keep(new: Iterable[Json], path: Path = RECORDINGS) -> None:
    """Put recordings in the place of older ones of the same traces."""
    kept = {each["trace"]: each for each in (*recordings(path), *new)}
    lines = [json.dumps(kept[name], separators=(",", ":")) for name in sorted(kept)]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def totals(lines: Iterable[Json]) -> Json:
    """Sums over traces, with the shares that the goal is about."""
    lines = list(lines)
    made: Json = {"traces": len(lines)} | {key: sum(each[key] for each in lines) for key in _SUMS}
    differing = [one for each in lines for one in each["mismatches"] if one["decision"]]
    identical = made["identical"] / made["syncs"] if made["syncs"] else 0.0
    return made | {
        "differing": len(differing),
        "rescales_identical": made["rescales"] - sum(_rescaled(each["controller"]) for each in differing),
        "clock": sum(each["clock"] for each in differing),
        "identical_ratio": round(identical, 6),
        "met": identical >= GOAL and made["within_one"] == len(differing),
    }


def _rescaled(done: Json) -> bool:
    return done["a"] == _RESCALED or not done.get("kept", True)


def table(lines: Sequence[Json]) -> str:
    """One row per trace, Markdown."""
    head = ("trace", "syncs", "rescales", "identical", "within one sync", "further off")
    rows = [
        (
            each["trace"],
            f"{each['syncs']:,}",
            f"{each['rescales']:,}",
            f"{each['identical']:,}",
            f"{each['within_one']:,}",
            f"{each['syncs'] - each['identical'] - each['within_one']:,}",
        )
        for each in lines
    ]
    made = [head, ("---", *("---:",) * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in made)


def _whole(lines: Sequence[Json]) -> list[dict[str, Json]]:
    """The valid lines of each seed with which every trace was played, by trace."""
    found = (valid(seed, SECONDS, lines) for seed in sorted({each["seed"] for each in lines}))
    return [each for each in found if all(trace.name in each for trace in TRACES)]


def _over_seeds(runs: Sequence[Mapping[str, Json]], name: str) -> Json:
    """What came of one trace in all runs."""
    parts = [each[name] for each in runs]
    sums = {key: sum(each[key] for each in parts) for key in _SUMS}
    return parts[0] | sums | {"mismatches": [one for each in parts for one in each["mismatches"]]}


def figure() -> str:
    """What the journal shows for the code as it is, for the page about the HPA."""
    known = read()
    runs = _whole(known)
    if not runs:
        done = len(valid(SEED, SECONDS, known))
        return f"{done} of {len(TRACES)} traces compared since the code changed; next: `make oracle-live`."
    lines = [_over_seeds(runs, each.name) for each in TRACES]
    seeds = ", ".join(str(next(iter(each.values()))["seed"]) for each in runs)
    sums, first = totals(lines), lines[0]
    return (
        f"**{100 * sums['identical_ratio']:.2f} % of {sums['syncs']:,} decisions are identical**, over "
        f"{len(lines)} traces; of {sums['rescales']:,} rescales {sums['rescales_identical']:,} are. The goal "
        f"of {100 * GOAL:g} %, the rest within one sync, is {'met' if sums['met'] else 'missed'}. "
        f"{_rest(sums)}\n"
        "Where decisions agree, the status (reasons of the conditions, use of each metric) differs in "
        f"{sums['statuses']} syncs. A pod changed so near to {sums['racing']} syncs that it may or may not "
        "have been seen; they count like the others.\n"
        f"kube-controller-manager {first['kubernetes']}, {SECONDS} s a trace, seeds {seeds}, code "
        f"{first['code']}; raw results, with both sides of every difference: "
        f"`docs/scaling/closed-loop.jsonl`.\n\n{table(lines)}"
    )


def _rest(sums: Json) -> str:
    if not sums["differing"]:
        return "None differs."
    return (
        f"Of the {sums['differing']} that differ, {sums['within_one']} are within one sync, and "
        f"{sums['clock']} turn on milliseconds: they are identical with the other end of the time in which "
        "the controller reads its clock."
    )
