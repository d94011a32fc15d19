"""Random value sets before a judge, batch by batch; what was checked before is not checked again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tests.chart import schemas, scorers
from tests.chart.conftest import CHART
from tests.torture.chart import outcomes, sets
from tests.torture.chart.outcomes import Batch
from tests.torture.pod import results

from ekiben.clients import helm, tools
from ekiben.errors import ToolError

_SIZE = 50  # sets that are checked by one kubeconform for each version
_HERE = Path(__file__).parent
_RELEASES = ("iris", "true", "null", "off", "a-" + "b" * 51)  # the last of the 53 characters that Helm takes


@dataclass(frozen=True, slots=True)
class Rendered:
    """One set.

    Attributes:
        which: Its number.
        values: As they were drawn.
        file: Its manifests.
    """

    which: int
    values: Mapping[str, Any]
    file: Path


class Judge(Protocol):
    """Says what is wrong with rendered sets."""

    @property
    def name(self) -> str:
        """In the results."""

    def errors(self, found: Sequence[Rendered], folder: Path, /) -> list[str]:
        """One line per finding.

        Args:
            found: What the chart took.
            folder: For files of the judge's own.
        """


class Schemas:
    """`helm lint --strict`, and kubeconform against three minor versions."""

    name = "schemas"

    def errors(self, found: Sequence[Rendered], folder: Path) -> list[str]:
        """Lint each, then check all together."""
        said: list[str] = []
        for one in found:
            try:
                helm.lint(tools.find("helm"), CHART, one.values)
            except ToolError as error:
                said.append(f"set {one.which}: {error.last_lines}")
        schemas.write(folder / "schemas")
        return said + schemas.errors([one.file for one in found], folder / "schemas")


def run(judge: Judge, number: int, seed: int, seconds: float, say: Callable[[str], None]) -> int:
    """Draw and check the sets 0 to `number` that this chart has no batch of yet; gives 1 if one failed.

    Args:
        judge: Who checks them.
        number: How many in all.
        seed: Of all of them.
        seconds: After so long no further batch begins.
        say: Told of each batch.
    """
    began, known = time.monotonic(), done(judge.name, seed)
    bad = any(one.errors for one in known)
    firsts = {one.first for one in known}
    for first in range(0, number, _SIZE):
        if first in firsts:
            continue
        if time.monotonic() - began > seconds:
            say(f"ended at {first} of {number} sets: run it again to go on")
            return 1
        found = batch(judge, first, min(_SIZE, number - first), seed)
        outcomes.append(found)
        say(f"sets {first} to {first + found.number - 1}: {len(found.errors)} errors, {found.seconds:.0f} s")
        for line in found.errors:
            say(f"  {line}")
        bad = bad or bool(found.errors)
    return int(bad)


def code() -> str:
    """Hash of what decides about a batch: the chart, the samples, the generator."""
    names = ("allowed", "batches", "blocks", "draw", "sets")
    return f"{outcomes.chart_code()} {results.digest(_HERE / f'{name}.py' for name in names)}"


def done(judge: str, seed: int) -> list[Batch]:
    """Batches of this judge, chart, generator and seed."""
    found = [one for one in outcomes.read() if isinstance(one, Batch)]
    return [one for one in found if (one.judge, one.code, one.seed) == (judge, code(), seed)]


def batch(judge: Judge, first: int, number: int, seed: int) -> Batch:
    """Draw, render and check some sets."""
    started, began = datetime.now(UTC), time.monotonic()
    errors: list[str] = []
    touched: set[str] = set()
    with tempfile.TemporaryDirectory() as place:
        folder, found = Path(place), []
        for which in range(first, first + number):
            values = sets.drawn(which, seed)
            touched |= set(sets.paths(values))
            try:
                text = scorers.rendered(values, release=_RELEASES[which % len(_RELEASES)])
            except ToolError as error:
                errors.append(f"set {which}: {error.last_lines}")
                continue
            found.append(Rendered(which, values, folder / f"set-{which}.yaml"))
            found[-1].file.write_text(text, encoding="utf-8")
        objects = sum(one.file.read_text(encoding="utf-8").count("\nkind: ") for one in found)
        errors += judge.errors(found, folder)
    return Batch(
        first=first,
        number=number,
        seed=seed,
        code=code(),
        objects=objects,
        errors=tuple(errors),
        values_touched=len(touched),
        commit=results.commit(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
        judge=judge.name,
    )
