"""What came of each lane, a line each, only appended; and recordings, which `make test` judges again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.oracles import build, hpa_ours
from tests.oracles.closed_loop import journal, plane
from tests.oracles.closed_loop.trace import Json
from tests.oracles.metric_faults.autoscalers import PACE
from tests.oracles.metric_faults.faults import PLANE, is_lie
from tests.oracles.metric_faults.live import BATCHES, LANES, names
from tests.oracles.metric_faults.verdict import UP_GOAL_SECONDS
from tests.torture.pod import results

SEED = 1
GOAL = 1000  # faults
FILE = build.ROOT / "docs" / "scaling" / "metric-faults.jsonl"
RECORDINGS = build.ROOT / "tests" / "unit" / "scale" / "hpa" / "metric-faults.jsonl.gz"
KEPT = ("demand-0", "demand-1", "cpu-0", "stock-0", "rises-0")  # of each batch
_ASIDE = {"__main__.py", "journal.py"}  # what only keeps and shows results
_OURS = ("demand", "cpu")
HANGS = "demand-hangs"
# Modules of the closed loop that are played or judged with.
_LOOP = ("api", "audit", "metrics_server", "place", "plane", "record", "replay", "trace", "world")


def code() -> str:
    """Hash of what is played and how it is judged: another one makes recorded lanes void."""
    own = [each for each in sorted(Path(__file__).parent.glob("*.py")) if each.name not in _ASIDE]
    loop = Path(plane.__file__).parent
    room = sorted(journal._ROOM.glob("*.py"))
    return results.digest([*room, Path(hpa_ours.__file__), *own, *(loop / f"{each}.py" for each in _LOOP)])


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
    return [each.number for each in BATCHES if not all((each.number, lane) in found for lane in names(each))]


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
    found = [each for each in entries(lines) if each["kind"] != "none"]
    ours = [each for each in found if each["subject"] in _OURS]
    honest = [each for each in ours if not is_lie(each["subject"], each["kind"])]
    lies = [each for each in ours if is_lie(each["subject"], each["kind"])]
    stock = [each for each in found if each["subject"] == "stock"]
    made = {
        "faults": len(ours),
        "plane": sum(each["kind"] in PLANE for each in ours),
        "survivable": len(honest),
        "below": _bad(honest),
        "before": _bad(each for each in entries(lines) if each["kind"] == "none"),
        "blind": sum(each["blind"] for each in ours),
        "blind_downs": sum(each["blind_downs"] for each in ours),
        "lies": len(lies),
        "lies_below": _bad(lies),
        "stock": len(stock),
        "stock_below": _bad(stock),
        "syncs": sum(each["compared"] for each in lines),
        "identical": sum(each["identical"] for each in lines),
        "clock": sum(one[2] == one[4] for each in lines for one in each["differing"]),
        **_rises(ours),
    }
    held = not (made["below"] or made["before"] or made["blind_downs"] or made["rises_late"])
    enough = made["faults"] >= GOAL and made["rises"] and made["stock_below"]
    return made | {"met": bool(held and enough)}


def _bad(found: Iterable[Json]) -> int:
    return sum(bool(each["below"]) for each in found)


def _rises(found: Sequence[Json]) -> Json:
    """Loads that grew while the demand was away; an adapter that hangs is apart: it holds up the sync."""
    timed = [each for each in found if each["subject"] == "demand" and "up_seconds" in each]
    ups = sorted(each["up_seconds"] for each in timed if each["kind"] != HANGS)
    hung = sorted(each["up_seconds"] for each in timed if each["kind"] == HANGS)
    return {
        "rises": len(ups),
        "rises_late": sum(not 0 <= each <= UP_GOAL_SECONDS for each in ups),
        "rise_median": ups[len(ups) // 2] if ups else 0.0,
        "rise_longest": max(ups, default=0.0),
        "hung": len(hung),
        "hung_never": sum(each < 0 for each in hung),
        "hung_longest": max(hung, default=0.0),
    }


def table(lines: Iterable[Json]) -> str:
    """One row per kind of fault, Markdown: faults, and those with a scale-down below the true demand."""
    found = entries(lines)
    head = ("fault", "ekiben, demand and CPU net", "ekiben, CPU", "KEDA's defaults")
    made = [head, ("---", "---:", "---:", "---:")]
    for kind in sorted({each["kind"] for each in found}):
        mine = [each for each in found if each["kind"] == kind]
        cells = [_cell(name, kind, [each for each in mine if each["subject"] == name]) for name in LANES]
        made.append((kind, *cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in made)


def _cell(name: str, kind: str, found: Sequence[Json]) -> str:
    if not found:
        return ""
    return f"{_bad(found)} of {len(found)}{' (lie)' if name in _OURS and is_lie(name, kind) else ''}"


def figure() -> str:
    """What the journal shows for the code as it is, for the page about the HPA."""
    known = read()
    left = missing(SEED, known)
    if len(left) == len(BATCHES):
        return "Not played since the code changed; next: `make oracle-faults`."
    lines = list(valid(SEED, known).values())
    sums = totals(lines)
    part = f"{len(left)} of {len(BATCHES)} batches are still to be played. " if left else ""
    goal = f"1,000 faults, none; more by CPU within {UP_GOAL_SECONDS:g} s"
    return (
        f"**{sums['below']} of {sums['survivable']:,} metric faults took a replica that the true demand "
        f"needed** from ekiben's HPAs; {sums['blind_downs']} scale-downs in {sums['blind']:,} syncs in which "
        f"a metric failed. {part}The goal ({goal}) is {'met' if sums['met'] else 'missed'}. "
        f"{sums['plane']} of the {sums['faults']:,} faults are those of the control plane, which every HPA "
        f"meets at once.\n"
        f"Apart: of {sums['lies']} lies {sums['lies_below']} did, {_worst(lines)}. With KEDA's defaults "
        f"{sums['stock_below']} of {sums['stock']} faults did.\n"
        f"While the demand was away, {sums['rises']} loads outgrew what CPU takes for enough: it asked for "
        f"more after {sums['rise_median']:g} s of a cluster in the median, {sums['rise_longest']:g} s at "
        f"most, {sums['rises_late']} times too late or never. Of {sums['hung']} while the adapter hung it "
        f"asked after up to {sums['hung_longest']:g} s, {sums['hung_never']} times not within the fault.\n"
        f"Ekiben's controller decides the same in {sums['identical']:,} of {sums['syncs']:,} syncs, and in "
        f"{sums['clock']} more with the other end of the time in which the real one reads its clock. "
        f"kube-controller-manager {plane.kubernetes()}, seed {SEED}, code {lines[0]['code']}; raw results: "
        f"`docs/scaling/metric-faults.jsonl`.\n\n{table(lines)}"
    )


def _worst(lines: Iterable[Json]) -> str:
    """How little a lie left, and how short the shortest one was that took something: by HPA."""
    found = [each for each in entries(lines) if is_lie(each["subject"], each["kind"]) and each["below"]]
    made = []
    for name, said in (("demand", "with the CPU net"), ("cpu", "by CPU alone")):
        mine = [each for each in found if each["subject"] == name]
        left = sorted((one[2] / one[3], one[2], one[3]) for each in mine for one in each["below"])
        if left:
            shortest = min(each["end"] - each["begin"] for each in mine) * PACE
            made.append(f"{said} they left {left[0][1]} of {left[0][2]} replicas at the worst")
            made.append(f"the shortest lasted {shortest:.0f} s")
    return ", ".join(made) or "none"
