"""What came of each lane, a line each, only appended; and recordings, which `make test` judges again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.oracles import build
from tests.oracles.closed_loop import journal, plane
from tests.oracles.closed_loop.trace import Json
from tests.oracles.metric_faults.faults import DEMAND_AWAY, is_lie
from tests.oracles.metric_faults.live import BATCHES, LANES
from tests.oracles.metric_faults.verdict import UP_GOAL_SECONDS
from tests.torture.pod import results

SEED = 1
GOAL = 1000  # faults
FILE = build.ROOT / "docs" / "scaling" / "metric-faults.jsonl"
RECORDINGS = build.ROOT / "tests" / "unit" / "scale" / "hpa" / "metric-faults.jsonl.gz"
KEPT = ("demand-0", "demand-1", "cpu-0", "stock-0")  # of each batch
_ASIDE = {"__main__.py", "journal.py"}  # what only keeps and shows results
_OURS = ("demand", "cpu")


def code() -> str:
    """Hash of what is played and how it is judged: another one makes recorded lanes void."""
    own = [each for each in sorted(Path(__file__).parent.glob("*.py")) if each.name not in _ASIDE]
    loop = Path(plane.__file__).parent
    used = ("api", "audit", "metrics_server", "place", "plane", "record", "trace", "world")
    return results.digest([*own, *(loop / f"{each}.py" for each in used)])


def read(path: Path = FILE) -> list[Json]:
    """All lines, oldest first; none if there is no file."""
    return journal.read(path)


def valid(seed: int, lines: Iterable[Json]) -> dict[tuple[int, str], Json]:
    """The newest line of each batch and lane that holds for the code as it is."""
    wanted = {"seed": seed, "code": code(), "kubernetes": plane.kubernetes()}
    return {
        (each["batch"], each["lane"]): each
        for each in lines
        if all(each[key] == value for key, value in wanted.items())
    }


def missing(seed: int, lines: Iterable[Json]) -> list[int]:
    """Numbers of the batches that are not whole."""
    found = valid(seed, lines)
    return [
        each.number for each in BATCHES if sum(key[0] == each.number for key in found) < sum(LANES.values())
    ]


def append(recording: Json, found: list[Json], same: Json, origin: journal.Origin, path: Path = FILE) -> None:
    """Add what came of one lane."""
    line = {
        **{key: recording[key] for key in ("batch", "lane", "subject", "seed", "spec")},
        "kubernetes": plane.kubernetes(),
        **same,
        "faults": found,
        **asdict(origin),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, separators=(",", ":")) + "\n")


def recordings(path: Path = RECORDINGS) -> list[Json]:
    """Those that are kept."""
    if not path.exists():
        return []
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def keep(new: Iterable[Json], path: Path = RECORDINGS) -> None:
    """Put some recordings in the place of older ones of the same lanes."""
    chosen = [each for each in new if each["lane"] in KEPT]
    kept = {(each["batch"], each["lane"]): each for each in (*recordings(path), *chosen)}
    lines = [json.dumps(kept[key], separators=(",", ":")) for key in sorted(kept)]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def entries(lines: Iterable[Json]) -> list[Json]:
    """Faults of all lanes, each with its `subject`; times before the first fault have the kind `none`."""
    return [fault | {"subject": line["subject"]} for line in lines for fault in line["faults"]]


def totals(lines: Iterable[Json]) -> Json:
    """What the goals are about, in numbers."""
    lines = list(lines)
    found = entries(lines)
    ours = [each for each in found if each["subject"] in _OURS and each["kind"] != "none"]
    honest = [each for each in ours if not is_lie(each["subject"], each["kind"])]
    lies = [each for each in ours if is_lie(each["subject"], each["kind"])]
    stock = [each for each in found if each["subject"] == "stock" and each["kind"] != "none"]
    ups = [each["up_seconds"] for each in ours if "up_seconds" in each]
    late = sum(not 0 <= each <= UP_GOAL_SECONDS for each in ups)
    made = {
        "faults": len(ours),
        "survivable": len(honest),
        "below": sum(bool(each["below"]) for each in honest),
        "before": sum(len(each["below"]) for each in found if each["kind"] == "none"),
        "blind_downs": sum(each["blind_downs"] for each in ours),
        "lies": len(lies),
        "lies_below": sum(bool(each["below"]) for each in lies),
        "stock": len(stock),
        "stock_below": sum(bool(each["below"]) for each in stock),
        "rises": len(ups),
        "rises_late": late,
        "rise_longest": max(ups, default=0.0),
        "rise_median": sorted(ups)[len(ups) // 2] if ups else 0.0,
        "syncs": sum(each["compared"] for each in lines),
        "identical": sum(each["identical"] for each in lines),
    }
    met = made["faults"] >= GOAL and not (made["below"] or made["before"] or made["blind_downs"] or late)
    return made | {"met": bool(met and made["stock_below"] and ups)}


def table(lines: Iterable[Json]) -> str:
    """One row per kind of fault, Markdown: faults, and those with a scale-down below the true demand."""
    found = entries(lines)
    head = ("fault", "demand and CPU net", "CPU alone", "KEDA's defaults")
    made = [head, ("---", "---:", "---:", "---:")]
    for kind in dict.fromkeys(each["kind"] for each in sorted(found, key=lambda each: str(each["kind"]))):
        row = [kind]
        for subject in ("demand", "cpu", "stock"):
            mine = [each for each in found if (each["kind"], each["subject"]) == (kind, subject)]
            bad = sum(bool(each["below"]) for each in mine)
            mark = " (lie)" if subject in _OURS and is_lie(subject, kind) else ""
            row.append(f"{bad} of {len(mine)}{mark}" if mine else "")
        made.append((row[0], row[1], row[2], row[3]))
    return "\n".join(f"| {' | '.join(row)} |" for row in made)


def figure() -> str:
    """What the journal shows for the code as it is, for the page about the HPA."""
    known = read()
    left = missing(SEED, known)
    if left:
        done = len(BATCHES) - len(left)
        return f"{done} of {len(BATCHES)} batches played since the code changed; next: `make oracle-faults`."
    lines = list(valid(SEED, known).values())
    sums = totals(lines)
    away = ", ".join(f"`{each}`" for each in DEMAND_AWAY[:3])
    return f"{sums} {away}\n\n{table(lines)}"
