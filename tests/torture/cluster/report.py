"""The section of `docs/reliability.md` about the cluster, from the raw results; what was not run says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.torture.cluster import aged, attempts, seeded, soak, suite, updates
from tests.torture.cluster.scenario import Scenario
from tests.torture.pod.results import Result

# What the promise is about, and how many requests it takes (docs/reliability.md says what N bounds).
PROMISED = ("rolling-update", "rollback", "scale-cycle", "evict")
PROMISED_REQUESTS = 250_000
_MOST_SHOWN = 200  # characters of a finding
_INTRODUCTION = """## On a cluster

A release of 3 replicas on a one-node cluster (`ekiben cluster up`), called through its Service. Load is open
loop, half of it on new connections, half on 16 kept ones, without retries unless said. Each answer must be
scikit-learn's own for the version of the model that it names. *Failed* is any other answer, any status but
200, a connection error, and what takes over 5 s. A part whose sender was late (99 % over 20 ms) does not
count. The cluster has 8 times the weight of another process of its machine. `make torture-cluster` appends to
`reliability-cluster.jsonl` and goes on where it stopped.
"""


def text(found: Sequence[Result]) -> str:
    """The whole section."""
    latest = {each.name: _latest(found, each.name) for each in suite.SCENARIOS}
    lines = [_INTRODUCTION, *_promise(latest), "", *_table(latest), ""]
    if together := soak.overall(_counted(latest["soak"])):
        lines += [together, ""]
    if in_turns := aged.overall(latest["aged"]):
        lines += [in_turns, ""]
    lines += [*_unmet(latest), *_provenance(latest)]
    lines += ["", "### Guarantees taken out on the cluster\n", *seeded.table(found)]
    lines += ["", "### Other ways to outlive a killed server\n", attempts.WHY, *attempts.table(found)]
    lines += ["", "### Other ways to roll out\n", *updates.table(found)]
    return "\n".join(lines) + "\n"


def _latest(found: Sequence[Result], name: str) -> list[Result]:
    """All results of the code that the newest of a scenario is of; repeated parts stay in."""
    of_it = [each for each in found if (each.target, each.scenario) == (suite.TARGET, name)]
    return [each for each in of_it if each.code == of_it[-1].code]


def _counted(parts: Sequence[Result]) -> list[Result]:
    """What sent a valid load, or failed."""
    return [each for each in parts if each.verdict != "not tested"]


def _failures(parts: Sequence[Result]) -> int:
    """Requests that failed, as the parts say."""
    total = 0
    for part in parts:
        for check in part.checks:
            if check.what == "no request failed" and not check.passed:
                total += sum(int(each.split(" x ")[0]) for each in check.found.split(", ") if " x " in each)
    return total


def _judges_requests(parts: Sequence[Result]) -> bool:
    """Whether no request may fail in it."""
    return any(check.what == "no request failed" for part in parts for check in part.checks)


def _promise(latest: dict[str, list[Result]]) -> Iterator[str]:
    parts = [each for name in PROMISED for each in _counted(latest[name])]
    number, seconds = sum(each.number for each in parts), sum(each.seconds for each in parts)
    seeds = f"{len({each.seed for each in parts})} parts, each with its seed"
    yield (
        "Rolling updates, rollbacks, scale cycles and evictions: "
        f"**{_failures(parts)} of {number:,} requests failed** (goal: 0 of {PROMISED_REQUESTS:,}), "
        f"in {seconds / 60:.0f} min, {seeds}."
    )


def _table(latest: dict[str, list[Result]]) -> Iterator[str]:
    yield "| scenario | what is done | load | passes | result |"
    yield "|---|---|---|---|---|"
    for each in suite.SCENARIOS:
        cell = _cell(each, latest[each.name])
        yield f"| {each.name} | {each.action} | {each.load} | {each.passes} | {cell} |"


def _cell(scenario: Scenario, parts: Sequence[Result]) -> str:
    if not parts:
        return "not run"
    counted = _counted(parts)
    if not counted:
        return f"not tested: {parts[-1].checks[0].found}"
    newest = {each.part: each for each in counted}
    verdict = "passed"
    if any(each.verdict == "failed" for each in newest.values()):
        bad = sum(each.verdict == "failed" for each in newest.values())
        verdict = f"**a criterion was not met in {bad} of {len(newest)} parts** (of {scenario.parts})"
    elif len(newest) < scenario.parts:
        verdict = f"passed so far ({len(newest)} of {scenario.parts} parts)"
    before = sum(each.verdict == "failed" for each in counted) - sum(
        each.verdict == "failed" for each in newest.values()
    )
    again = f"; {before} earlier runs of parts failed" if before else ""
    number, seconds = sum(each.number for each in counted), sum(each.seconds for each in counted)
    lost = f", {_failures(counted)} failed" if _judges_requests(counted) else ""
    return f"{verdict}; {number:,} {scenario.unit}{lost}, {seconds / 60:.1f} min{again}"


def _unmet(latest: dict[str, list[Result]]) -> Iterator[str]:
    yield "### Criteria that were not met on the cluster\n"
    some = False
    for name, parts in latest.items():
        bad = [(check, part) for part in _counted(parts) for check in part.checks if not check.passed]
        for what in dict.fromkeys(check.what for check, _ in bad):
            of_it = [(check, part) for check, part in bad if check.what == what]
            check, part = of_it[-1]
            some = True
            yield (
                f"- {name}: {what}: {_shown(check.found)} (part {part.part + 1}, seed {part.seed}; "
                f"{len(of_it)} of {len(_counted(parts))} parts)"
            )
    if not some:
        yield "None was recorded."
    yield ""


def _shown(found: str) -> str:
    """On one line of a list; the raw result has all of it."""
    line = " ".join(found.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}..."


def _provenance(latest: dict[str, list[Result]]) -> Iterator[str]:
    yield "### Where the cluster's results come from\n"
    parts = [part for each in latest.values() for part in each]
    if not parts:
        yield "No run was recorded yet."
    for key in sorted({(part.code, part.commit, part.machine) for part in parts}):
        of_it = [part for part in parts if (part.code, part.commit, part.machine) == key]
        first, last = min(part.started for part in of_it), max(part.started for part in of_it)
        yield f"- {key[0]}, commit {key[1] or 'unknown'}, {key[2]}; {len(of_it)} parts from {first} to {last}"
