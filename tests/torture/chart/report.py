"""docs/chart.md, from raw results: what the judges say, the random value sets, the seeded faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chart import schemas
from tests.chart.conftest import KUBERNETES
from tests.torture.chart import outcomes, peers, seeded
from tests.torture.chart.apiserver import ApiServer
from tests.torture.chart.batches import Schemas
from tests.torture.chart.outcomes import OURS, Batch, Score
from tests.torture.pod import faults, results
from tests.torture.pod.faults import Outcome

PAGE = results.ROOT / "docs" / "chart.md"
_TEXT = Path(__file__).with_name("page.md")


def files() -> dict[Path, str]:
    """The page by its path."""
    found = outcomes.read()
    scores = newest([one for one in found if isinstance(one, Score)])
    batches = [one for one in found if isinstance(one, Batch)]
    parts = {
        "versions": ", ".join(schemas.MINORS),
        "kubernetes": KUBERNETES,
        "scores": "\n".join(score_table(scores)),
        "not_had": ", ".join(peers.NOT_HAD),
        "modules": ", ".join(f"`{one.module}`" for one in peers.PEERS),
        "sets": sets_text([one for one in batches if one.judge == Schemas.name]),
        "server": sets_text([one for one in batches if one.judge == ApiServer.name]),
        "faults": "\n".join(fault_table(faults.read(seeded.FILE))),
    }
    text = _TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return {PAGE: text}


def newest(scores: Sequence[Score]) -> list[Score]:
    """The last of each chart and value set, ours first."""
    last = {(one.chart, one.values): one for one in scores}
    return sorted(last.values(), key=lambda one: one.chart != OURS)


def score_table(scores: Sequence[Score]) -> Iterator[str]:
    """One row per chart and value set."""
    heads = ("chart", "values", "helm lint --strict", "kube-score critical/warning")
    yield f"| {' | '.join((*heads, 'checkov passed/failed/waived', 'invalid'))} |"
    yield "|---|---|---|---|---|---|"
    for one in scores:
        critical = sum(line.startswith("[CRITICAL]") for line in one.findings)
        lint = "clean" if one.lint else "findings"
        invalid = "not checked" if one.invalid is None else f"{one.invalid}"
        judged = f"{critical}/{len(one.findings) - critical}"
        checked = f"{one.passed}/{len(one.failed)}/{len(one.skipped)}"
        yield f"| {one.chart} | {one.values} | {lint} | {judged} | {checked} | {invalid} |"


def sets_text(batches: Sequence[Batch]) -> str:
    """What the sets of the newest chart and generator came to."""
    if not batches:
        return "Not run."
    last = batches[-1]
    same = [one for one in batches if (one.code, one.seed) == (last.code, last.seed)]
    number, errors = sum(one.number for one in same), sum(len(one.errors) for one in same)
    objects, seconds = sum(one.objects for one in same), sum(one.seconds for one in same)
    touched = max(one.values_touched for one in same)
    return (
        f"**{number:,} sets, {objects:,} objects, {errors} errors** (seed {last.seed}, {seconds:.0f} s,"
        f" commit {last.commit}); {last.number} sets touch up to {touched} of the chart's values."
    )


def fault_table(found: Sequence[Outcome]) -> Iterator[str]:
    """Each fault with its guarantee and the test that turned red."""
    last = {one.name: one for one in found}
    known = [last[each.name] for each in seeded.FAULTS if each.name in last]
    caught = sum(one.caught for one in known)
    yield f"**{caught} of {len(seeded.FAULTS)}** turned a test red."
    yield ""
    yield "| fault | guarantee | caught by |"
    yield "|---|---|---|"
    for each in seeded.FAULTS:
        one = last.get(each.name)
        by = (
            "not run"
            if one is None
            else f"`{one.by.rpartition('/')[2].partition('[')[0]}`"
            if one.caught
            else "**nothing**"
        )
        yield f"| {each.name} | {each.guarantee} | {by} |"
