"""Raw results of the chart's judges and of its random value sets: JSON lines, only appended."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.torture.pod import results

OURS = "model-server"
FILE = results.ROOT / "docs" / "chart.jsonl"
_CHART = results.ROOT / "helm" / "model-server"


@dataclass(frozen=True, slots=True)
class Score:
    """What the judges said of one chart with one set of values.

    Attributes:
        chart: Its name.
        values: Name of the set.
        code: Hash of the chart, or the module that carries it.
        lint: Whether `helm lint --strict` found nothing.
        findings: kube-score's criticals and warnings, one line each.
        passed: checkov's checks that passed.
        failed: Those that did not: identifier and object.
        skipped: Those that the manifests themselves waive.
        invalid: Objects that a schema refuses; None where none is at hand for their kinds.
        commit: Of the tree.
        started: UTC, ISO 8601.
    """

    kind: ClassVar[str] = "score"
    chart: str
    values: str
    code: str
    lint: bool
    findings: tuple[str, ...]
    passed: int
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    invalid: int | None
    commit: str
    started: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Random value sets that were drawn, rendered and checked together.

    Attributes:
        first: Number of the first set.
        number: How many.
        seed: All chance comes from it and the set's number.
        code: Hash of the chart and of the generator.
        objects: Rendered.
        errors: One line per refusal or invalid object.
        values_touched: Paths of values that were drawn.
        commit: Of the tree.
        started: UTC, ISO 8601.
        seconds: How long it took.
        judge: Who checked them.
    """

    kind: ClassVar[str] = "batch"
    first: int
    number: int
    seed: int
    code: str
    objects: int
    errors: tuple[str, ...]
    values_touched: int
    commit: str
    started: str
    seconds: float
    judge: str = "schemas"


def chart_code() -> str:
    """Hash of everything that renders; the README and the sets of ci/ do not."""
    files = [path for path in _CHART.rglob("*") if path.is_file()]
    return results.digest(p for p in files if p.suffix != ".md" and p.parent.name != "ci")


def scored_code() -> str:
    """Hash of everything that is scored: what renders, and the sets of ci/."""
    return results.digest(p for p in _CHART.rglob("*") if p.is_file() and p.suffix != ".md")


def clean(found: Score) -> bool:
    """Whether no judge has a finding."""
    return found.lint and not found.findings and not found.failed and found.invalid == 0


def append(found: Score | Batch, path: Path = FILE) -> None:
    """Add one, whole or not at all."""
    line = json.dumps({"kind": found.kind, **asdict(found)}, sort_keys=True) + "\n"
    with path.open("ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path = FILE) -> list[Score | Batch]:
    """All results, oldest first; of a batch that was checked again, the last."""
    if not path.exists():
        return []
    found = [_read(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]
    last = {_key(one): one for one in found}
    return [one for one in found if last[_key(one)] is one]


def _key(found: Score | Batch) -> tuple[object, ...]:
    """Scores are told apart by their time."""
    if isinstance(found, Batch):
        return (found.judge, found.code, found.seed, found.first)
    return (found.chart, found.values, found.started)


def _read(line: dict[str, Any]) -> Score | Batch:
    fields: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in line.items()}
    kinds: dict[str, type[Score | Batch]] = {one.kind: one for one in (Score, Batch)}
    return kinds[fields.pop("kind")](**fields)
