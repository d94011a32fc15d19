"""What is measured of a model, part by part, and what is not done again.

Parts, in this order for each model, on one pinned replica: `search` as `ekiben plan` does it, `truth` (six
rounds, together fifteen minutes), `service` (times of single requests). Then `repeats`, a hundred searches
against each model's virtual replica, which need no quiet machine; then `live`, five more of one model.

Each search, round and repeat is appended to the journal as it ends, with seed, commit and machine; what this
code has of a model on this machine is not done again. An invalid round of the truth does not count as done.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks import machine
from benchmarks.capacity import live, models, page, truth, virtual
from benchmarks.capacity.models import LIVE_MODEL, Spec
from benchmarks.models import ROOT
from benchmarks.results import Journal, Record
from ekiben.errors import EkibenError
from ekiben.road.pinned import Pinned
from ekiben.scale import replica
from ekiben.scale.capacity import judging
from ekiben.scale.load import generator, schedule, sender
from ekiben.scale.simulation import queueing

JOURNAL = ROOT / "docs" / "scaling" / "capacity.jsonl"
PAGE = ROOT / "docs" / "scaling" / "capacity.md"
Part = Literal["search", "truth", "service", "repeats", "live"]
PARTS: tuple[Part, ...] = get_args(Part)
ROUNDS = 6
# What decides a figure. Specs are in each record, and the truth is fitted when the page is written.
_ROOMS = ("serving", "artefact", "scale/capacity")
_MODULES = (judging, generator, replica, schedule, sender, live)
_VIRTUAL_ROOMS = ("scale/capacity",)
_VIRTUAL_MODULES = (judging, replica, schedule, queueing, live, virtual)
_log = logging.getLogger("benchmarks")


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is measured; other values than these are for trying it out, in a journal of their own.

    Attributes:
        search_seconds: What `ekiben plan` takes by default.
        truth_seconds: Of all rounds together.
        service_seconds: Of single requests.
        repeats: Virtual searches of each model.
        live: Live searches of one model.
        seed: Of everything.
    """

    search_seconds: float = 330.0
    truth_seconds: float = 900.0
    service_seconds: float = 60.0
    repeats: int = 100
    live: int = 5
    seed: int = 1

    @property
    def hold_seconds(self) -> float:
        """Of each rate of a round."""
        return self.truth_seconds / ROUNDS / len(truth.LEVELS)

    @property
    def left_out_seconds(self) -> float:
        """At the begin of each rate."""
        return min(live.LEFT_OUT_SECONDS, self.hold_seconds / 2)


def code(part: Part) -> str:
    """Hash of what is measured, and of what searches."""
    rooms, modules = (_VIRTUAL_ROOMS, _VIRTUAL_MODULES) if part == "repeats" else (_ROOMS, _MODULES)
    inside = [path for room in rooms for path in (ROOT / "src" / "ekiben" / room).rglob("*.py")]
    others = [Path(module.__file__) for module in modules if module.__file__]
    digest = hashlib.sha256()
    for path in sorted([*inside, *others], key=lambda each: (each.name, str(each))):
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


class Measuring:
    """One go: what is there, and where new results go.

    Args:
        journal: Where.
        settings: How.
        deadline: No measurement begins after it, as `time.monotonic` gives it.
    """

    def __init__(self, journal: Journal, settings: Settings, deadline: float = float("inf")) -> None:
        self._journal, self.settings, self._deadline = journal, settings, deadline
        facts, commit = machine.facts(), machine.commit()
        self._about: dict[Part, dict[str, Any]] = {}
        for part in PARTS:
            of = {"machine": facts, "code": code(part), "settings": asdict(settings)}
            self._about[part] = {**of, "series": machine.fingerprint(of), "commit": commit}

    def series(self, part: Part) -> str:
        """Name of what may be compared: one code, one machine, one way to measure."""
        return str(self._about[part]["series"])

    @property
    def open(self) -> bool:
        """Whether another measurement may begin."""
        return time.monotonic() < self._deadline

    def done(self, spec: Spec, part: Part) -> list[Record]:
        """What is there of a part of a model, and counts."""
        return [
            each for each in self._journal.read()
            if (each["series"], each["model"], each["part"]) == (self.series(part), spec.name, part)
            and each["spec"] == asdict(spec) and not each.get("failure") and not each.get("faults")
        ]  # fmt: skip

    def missing(self, spec: Spec, part: Part) -> list[int]:
        """Numbers of what is not there."""
        counts = {"truth": ROUNDS, "repeats": self.settings.repeats, "live": self.settings.live}
        there = {each["number"] for each in self.done(spec, part)}
        return [number for number in range(counts.get(part, 1)) if number not in there]

    def add(self, spec: Spec, part: Part, number: int, seed: int, found: dict[str, Any]) -> None:
        """Append one result."""
        record = {
            "part": part, "model": spec.name, "spec": asdict(spec), "number": number, "seed": seed,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **found, **self._about[part],
        }  # fmt: skip
        self._journal.append([record])
        why = record.get("failure") or "; ".join(record.get("faults", []))
        _log.info("%s, %s %d: %s", spec.name, part, number, why or "done")


def run(measuring: Measuring, specs: Sequence[Spec], parts: Sequence[Part], scratch: Path) -> int:
    """Measure what is missing until the budget is spent; gives how many measurements are left."""
    for spec in specs:
        wanted: list[Part] = [
            part for part in ("search", "truth", "service") if part in parts and measuring.missing(spec, part)
        ]
        if wanted and measuring.open:
            models.artefact(spec, scratch)
            with models.replica(spec, scratch) as here:
                _visit(measuring, spec, wanted, here)
    for spec in specs if "repeats" in parts else ():
        _repeat(measuring, spec)
    for spec in specs if "live" in parts else ():
        for number in measuring.missing(spec, "live") if spec.name == LIVE_MODEL else ():
            if measuring.open:
                with models.replica(spec, scratch) as here:
                    _search(measuring, spec, here, "live", number)
    return sum(
        len(measuring.missing(spec, part))
        for spec in specs
        for part in parts
        if part != "live" or spec.name == LIVE_MODEL
    )


def _visit(measuring: Measuring, spec: Spec, wanted: Sequence[Part], here: Pinned) -> None:
    if "search" in wanted and measuring.open:
        _search(measuring, spec, here, "search", 0)
    if "truth" in wanted:
        _truth(measuring, spec, here)
    if "service" in wanted and measuring.open:
        seed, seconds = measuring.settings.seed, measuring.settings.service_seconds
        measuring.add(spec, "service", 0, seed, live.served(here, seconds, seed))


def _search(measuring: Measuring, spec: Spec, here: Pinned, part: Part, number: int) -> None:
    seed = measuring.settings.seed + number + (part == "live")
    try:
        found = live.searched(here, spec, measuring.settings.search_seconds, seed)
    except EkibenError as error:
        found = {"failure": str(error).splitlines()[0]}
    measuring.add(spec, part, number, seed, found)


def _truth(measuring: Measuring, spec: Spec, here: Pinned) -> None:
    """Hold the rounds that are missing; an invalid one is tried once more."""
    settings, searches = measuring.settings, measuring.done(spec, "search")
    warm = live.saturated(here, settings.seed)
    guess = searches[-1]["estimate"] if searches else truth.first_guess(warm, spec.objective)
    for number in [number for number in measuring.missing(spec, "truth") for _ in range(2)]:
        if not measuring.open or number not in measuring.missing(spec, "truth"):
            continue
        blocks = [block for each in measuring.done(spec, "truth") for block in truth.blocks_of(each)]
        rates = [
            min(rate, schedule.MAX_RATE) for rate in truth.next_rates(blocks, spec.objective, guess, number)
        ]
        seed = settings.seed + 100 + number
        found = live.held(here, spec, rates, settings.hold_seconds, settings.left_out_seconds, seed)
        measuring.add(spec, "truth", number, seed, found)


def _repeat(measuring: Measuring, spec: Spec) -> None:
    """Search the virtual replica; the first repeat also records what its C* truly is."""
    recorded, settings = measuring.done(spec, "service"), measuring.settings
    missing = measuring.missing(spec, "repeats")
    if not recorded or not missing or not measuring.open:
        return
    services = live.services(dict(recorded[-1]))
    true_rate = virtual.capacity(services, spec.objective)
    for number in missing:
        if measuring.open:
            seed = settings.seed + 1_000 + number
            found = virtual.searched(services, spec.objective, settings.search_seconds, seed)
            measuring.add(spec, "repeats", number, seed, {**found, "truth": true_rate})


def newest(records: Sequence[Record]) -> list[Record]:
    """Keep the last series of what was measured live, and that of the repeats."""
    last = {each["part"] == "repeats": each["series"] for each in records}
    return [each for each in records if each["series"] == last[each["part"] == "repeats"]]


def files(journal: Journal | None = None) -> dict[Path, str]:
    """The page, from the journal."""
    return {PAGE: page.text(newest((journal or Journal(JOURNAL)).read()))}
