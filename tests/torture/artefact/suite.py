"""What is done to artefacts, in parts that can each be repeated from its seed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.torture import kill_stations, kills
from tests.torture.artefact import cost
from tests.torture.artefact.trial import Trial
from tests.torture.pod import results
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check, Scale

FILE = results.ROOT / "docs" / "artefact.jsonl"
_CODE = ("artefact", "train", "bento", "image", "serving/seal")
MUTATIONS, KILLS = 1000, 10  # of a part
_HOSTILE = 200  # the least


@dataclass(frozen=True, slots=True)
class Found:
    """What one part found.

    Attributes:
        number: Kills, artefacts or runs: what the zeros are out of.
        checks: Criteria and findings.
        notes: Further findings, by name.
    """

    number: int
    checks: tuple[Check, ...]
    notes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of harm.

    Attributes:
        name: Short and fixed; results carry it.
        action: What is done.
        passes: The criterion, in one sentence.
        unit: What is counted.
        parts: Of the full run.
        act: Does one part, from its seed, in a folder; `short` does little of it.
    """

    name: str
    action: str
    passes: str
    unit: str
    parts: int
    act: Callable[[int, Path, Scale], Found]


def _killed(station: str, seed: int, folder: Path, scale: Scale) -> Found:
    found = kills.torture(station, KILLS if scale == "full" else 2, seed, folder)
    wrong = found["wrong"]
    checks = (
        Check(
            "killed as often as asked",
            found["killed"] >= (KILLS if scale == "full" else 2),
            str(found["killed"]),
        ),
        Check(
            "as before or as after, all listed is whole, and the next run ends the work",
            not wrong,
            str(wrong),
        ),
    )
    times = f"{found['run_seconds']} s, of which {found['writing_seconds']} s write"
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(found["outcomes"].items()))
    return Found(found["killed"], checks, {"an undisturbed run": times, "found": outcomes})


def _mutated(seed: int, folder: Path, scale: Scale) -> Found:
    trial = Trial(folder)
    count = MUTATIONS if scale == "full" else 50
    taken = [done for each in range(count) if (done := trial.mutation(seed + each))]
    return Found(count, tuple(_refused(trial, taken)), {})


def _hostile(_: int, folder: Path, scale: Scale) -> Found:
    trial = Trial(folder)
    attacks = trial.attacks()
    tried = attacks if scale == "full" else attacks[::10]
    taken = [done for attack in tried if (done := trial.attack(attack))]
    enough = Check(f"at least {_HOSTILE} different ones", len(attacks) >= _HOSTILE, str(len(attacks)))
    return Found(len(tried), (*_refused(trial, taken), enough), {})


def _refused(trial: Trial, taken: list[str]) -> Iterator[Check]:
    yield Check("every one is refused", not taken, "; ".join(taken[:10]) or "all were")
    yield Check(
        "nothing of them was deserialised",
        not trial.deserialised,
        ", ".join(sorted(trial.deserialised)) or "nothing",
    )
    made = trial.canary.exists()
    yield Check("no code of them ran: no canary was made", not made, "a canary" if made else "no canary")


SCENARIOS: tuple[Scenario, ...] = (
    *(
        Scenario(
            f"kill {name}",
            f"`kill -9` of {what} and its children, half of the moments drawn from the whole run, half from "
            "the part that writes",
            "as before or as after; what is listed is whole; the next run ends the work and leaves no rest",
            "kills",
            5,
            partial(_killed, name),
        )
        for name, what in (
            ("train", "`ekiben train`"),
            ("bento", "`ekiben bento`"),
            ("image", "`ekiben image` (assembly, and the push to a registry)"),
            ("push", "`ekiben image` where all layers are made (the push to a registry)"),
            ("promote", "`ekiben model promote`"),
            ("import", "`ekiben model import`"),
            ("prune", "`ekiben model prune`"),
        )
    ),
    Scenario(
        "mutations",
        "one random change to a signed artefact: bits, bytes, JSON members, files, links",
        "refused before anything of it is deserialised; no canary",
        "artefacts",
        10,
        _mutated,
    ),
    Scenario(
        "hostile files",
        "artefacts made on purpose, whose manifest fits: pickles, skops documents, archives, graphs, links; "
        "each read where a signature is asked for and where none is",
        "refused before anything of it is deserialised; no canary",
        "artefacts",
        1,
        _hostile,
    ),
    Scenario(
        "cost of the seal",
        f"an artefact of {cost.MEGABYTES} MB read and verified in a new process",
        f"at most {cost.MOST_MILLISECONDS} ms of CPU, median, plain, signed and encrypted",
        "runs",
        1,
        cost.measured,
    ),
)
BY_NAME = {each.name: each for each in SCENARIOS}


def code() -> str:
    """Hash of what is tortured."""
    room = results.ROOT / "src" / "ekiben"
    files = [path for name in _CODE for path in (room / name).rglob("*.py")]
    return f"artefact {results.digest([*files, room / 'serving/artefact.py', room / 'serving/manifest.py'])}"


def run_part(scenario: Scenario, part: int, scale: Scale, seed: int) -> Result:
    """Run one part; whatever it raises is a failed check."""
    own = results.seed_of(seed, scenario.name, part)
    kill_stations.load()
    started, began = datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ekiben-torture-") as folder:
        try:
            found = scenario.act(own, Path(folder), scale)
        except Exception as error:  # noqa: BLE001 - a harness that fails must not pass
            said = f"{type(error).__name__}: {error}"
            found = Found(0, (Check("the scenario ran to its end", passed=False, found=said),), {})
    return Result(
        target="ekiben",
        scenario=scenario.name,
        part=part,
        parts=scenario.parts if scale == "full" else 1,
        scale=scale,
        seed=own,
        code=code(),
        commit=results.commit(),
        machine=results.machine(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
        verdict="passed" if all(each.passed for each in found.checks) else "failed",
        number=found.number,
        checks=found.checks,
        notes=found.notes,
    )
