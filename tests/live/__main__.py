"""`python -m tests.live`: autoscalers on a real cluster, measured in turn and compared with the simulator.

run [--short] [--only PART,...] [--policies "NAME;..."] [--seed N] [--tries N] [--namespace NAME]
    [--results FILE]
replay [--results FILE]
plan

The cluster is the one of EKIBEN_CONTEXT, or the local one; it must be one that ekiben made, and the machine
must have nothing else to do. What this code has a valid record of is not done again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.rig import own_cluster
from tests.live import (
    comparison,
    journal,
    one,
    planned,
    policies,
    reaction,
    replay,
    running,
    sent,
    shapes,
    validity,
)
from tests.live.journal import Record
from tests.live.policies import Policy
from tests.live.sizes import FULL, SHORT, Sizes
from tests.live.stage import Stage

from ekiben.errors import EkibenError

PARTS = ("replica", "runs", "steps")
_RELEASE_SECONDS = 150.0  # of a release and until it is at rest, about
_AGAIN_SECONDS = 40.0  # until one is at rest again


@dataclass(frozen=True, slots=True)
class Task:
    """Something to measure.

    Attributes:
        name: For people.
        seconds: How long it takes, about, without the release.
        done: Whether a record is it.
        measure: Does it.
    """

    name: str
    seconds: float
    done: Callable[[Record], bool]
    measure: Callable[[Stage, Record], Record]


def run_task(sizes: Sizes, policy: Policy, shape: str, seed: int) -> Task:
    """One policy under one load."""

    def done(record: Record) -> bool:
        return (record["kind"], record.get("policy"), record.get("shape"), record["seed"]) == (
            "run", policy.name, shape, seed,
        )  # fmt: skip

    return Task(
        f"{policy.name}, {shape}",
        shapes.load(shape, 1.0, 1 / 60, seed, sizes.stretch).seconds,
        done,
        lambda stage, basis: running.run(stage, basis, policy, shape, seed, sizes),
    )


def steps_task(sizes: Sizes, policy: Policy, part: int, seed: int) -> Task:
    """One part of the steps."""

    def done(record: Record) -> bool:
        return (record["kind"], record.get("policy"), record.get("part"), record["seed"]) == (
            "steps", policy.name, part, seed,
        )  # fmt: skip

    return Task(
        f"{policy.name}, steps {part + 1}/{sizes.parts}",
        reaction.load(sizes, 1.0, seed, part).seconds,
        done,
        lambda stage, basis: running.steps(stage, basis, policy, part, seed, sizes),
    )


def tasks(sizes: Sizes, parts: Sequence[str], chosen: Sequence[Policy], seed: int) -> Iterator[Task]:
    """Everything with the numbers of one replica, in order: all policies on one load, then on the next."""
    if "runs" in parts:
        for shape in list(shapes.SHAPES)[: sizes.shapes]:
            for policy in chosen:
                yield run_task(sizes, policy, shape, seed)
    if "steps" in parts:
        for policy in chosen:
            if policy in policies.OURS:
                for part in range(sizes.parts):
                    yield steps_task(sizes, policy, part, seed)


def left(records: Sequence[Record], basis: Record, every: Sequence[Task]) -> list[Task]:
    """Those without a valid record on these replicas."""
    sha256 = basis["plans"]["cpu"]["sha256"]
    valid = [
        each
        for each in records
        if each["kind"] in ("run", "steps") and each["basis"] == sha256 and not validity.of_run(each)
    ]
    return [task for task in every if not any(task.done(each) for each in valid)]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; gives 0 if all is measured and counts, 1 if something is left."""
    given = _arguments(arguments)
    if given.what == "plan":
        return plan()
    path: Path = given.results or (journal.SHORT if getattr(given, "short", False) else journal.FILE)
    if given.what == "replay":
        return replays(path)
    sizes = SHORT if given.short else FULL
    stage = _stage(given.namespace)
    basis = _basis(stage, sizes, given, path)
    if basis is None:
        return 1
    chosen = list(_present(given.policies, keda=stage.keda()))
    every = list(tasks(sizes, given.only.split(","), chosen, given.seed))
    for _ in range(1 if given.short else given.tries):
        for task in left(journal.read(path), basis, every):
            _measure(task, stage, basis, path)
    replays(path, basis if given.short else None)
    return int(not given.short and bool(left(journal.read(path), basis, every)))


def _basis(stage: Stage, sizes: Sizes, given: argparse.Namespace, path: Path) -> Record | None:
    """What one replica carries, as recorded with this code or measured now; None if two carry too little."""
    for _ in range(given.tries):
        if (known := journal.replica(journal.read(path), journal.code())) is not None:
            return known
        _say("replica: C* of one, then two at nearly twice that")
        record = one.measured(stage, sizes, given.seed, _say)
        journal.append(record, path)
        if why := validity.of_replica(record):
            _say(f"  does not count: {'; '.join(why)}")
            if given.short:
                return record  # a short one is not judged; what comes after it is to be seen too
    return journal.replica(journal.read(path), journal.code())


def _measure(task: Task, stage: Stage, basis: Record, path: Path) -> None:
    """Measure and keep; what could not be measured is said, and the next one is begun."""
    _say(f"{task.name}: {task.seconds:.0f} s and a release")
    try:
        record = task.measure(stage, basis)
    except (AssertionError, EkibenError, OSError) as error:
        _say(f"  not measured: {type(error).__name__}: {str(error)[:2000]}")
        return
    journal.append(record, path)
    share = f"{record['bad']} of {record['requests']} requests violate" if record["requests"] else "none sent"
    _say(f"  {share}; {'; '.join(validity.of_run(record)) or 'valid'}")
    if sent.STOPPED in record["reasons"]:  # Ctrl-C ends a load in order, and is meant for all of them
        raise KeyboardInterrupt


def replays(path: Path, unjudged: Record | None = None) -> int:
    """Simulate each valid run that this simulator has not replayed; gives 0.

    Args:
        path: Of the journal.
        unjudged: Replicas on which each run is simulated, valid or not.
    """
    records, own = journal.read(path), journal.simulator()
    done = {each["of"] for each in journal.of(records, "replay") if each["simulator"] == own}
    basis = unjudged or journal.replica(records)
    if basis is None:
        return 0
    runs = journal.under(records, "run", basis) if unjudged else comparison.valid_runs(records)
    idle = planned.read(basis["plans"]["cpu"])["idle_cores"]
    for record in runs:
        if journal.name(record) in done:
            continue
        found = replay.replayed(record, basis, idle)
        head = journal.begun("replay", record["seed"]) | {"of": journal.name(record), "simulator": own}
        journal.append(head | found, path)
        _say(f"replayed {journal.name(record)}: p99 {found['p99_seconds'] * 1e3:.0f} ms, "
             f"violating {found['violating_ratio']:.2%}")  # fmt: skip
    return 0


def plan() -> int:
    """List what there is to do and how long it takes."""
    together = FULL.search_seconds + FULL.hold_seconds + 2 * FULL.turns * FULL.turn_seconds
    together += FULL.service_seconds + _RELEASE_SECONDS
    _say(f"{'one replica, and two':34} {together / 60:5.1f} min")
    for task in tasks(FULL, PARTS, policies.POLICIES, 0):
        again = "steps" in task.name and " 1/" not in task.name  # its release serves still
        seconds = task.seconds + (_AGAIN_SECONDS if again else _RELEASE_SECONDS)
        together += seconds
        _say(f"{task.name:34} {seconds / 60:5.1f} min")
    _say(f"{'together':34} {together / 60:5.1f} min (those of KEDA only where it runs)")
    return 0


def _present(names: str, *, keda: bool) -> Iterator[Policy]:
    for policy in policies.POLICIES:
        if names and policy.name not in names.split(";"):
            continue
        if policy.by_keda and not keda:
            _say(f"{policy.name}: not run, KEDA is not installed (ekiben cluster up --keda)")
        else:
            yield policy


def _stage(namespace: str) -> Stage:
    rig = own_cluster()
    return Stage.made(rig, namespace, journal.ROOT / "out" / "live" / rig.address.context)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.live")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("plan", help="list what is measured and how long it takes")
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--results", type=Path, help="JSON lines are appended here")
    what.add_parser("replay", parents=[both], help="simulate what was recorded")
    run = what.add_parser("run", parents=[both], help="measure what this code has no valid record of")
    run.add_argument("--short", action="store_true", help="a minute each, kept apart and not judged")
    run.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; with commas between")
    run.add_argument("--policies", default="", help="names, with semicolons between; default: all")
    run.add_argument("--seed", type=int, default=1, help="another one is another set of runs")
    run.add_argument("--namespace", default="live")
    run.add_argument("--tries", type=int, default=2, help="so often at most, until it counts")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
