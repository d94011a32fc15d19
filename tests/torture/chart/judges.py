"""The chart and those of others before helm lint, kube-score, checkov and the schemas."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.environments import Environment
from tests.chart import schemas, scorers
from tests.chart.conftest import CHART
from tests.torture.chart import outcomes
from tests.torture.chart.outcomes import OURS, Score
from tests.torture.chart.peers import PEERS, Peer
from tests.torture.pod import results

from ekiben.clients import command, helm, tools
from ekiben.errors import ToolError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Checkov(Environment):
    """checkov, installed from a lock of its own."""

    @property
    def lock(self) -> Path:
        """The requirements with hashes."""
        return results.ROOT / "requirements" / "checkov.txt"


def score(say: Callable[[str], None]) -> int:
    """Judge ours with every value set, then those of others; gives 1 if ours has a finding."""
    bad = False
    for name in scorers.NAMED:
        found = _ours(name)
        outcomes.append(found)
        say(_line(found))
        bad = bad or not outcomes.clean(found)
    for peer in PEERS:
        try:
            found = _theirs(peer)
        except ToolError as error:
            say(f"{peer.name}: could not be had: {error}")
            continue
        outcomes.append(found)
        say(_line(found))
    return int(bad)


def _line(found: Score) -> str:
    return (
        f"{found.chart} ({found.values}): kube-score {len(found.findings)}, checkov {found.passed} passed,"
        f" {len(found.failed)} failed, {len(found.skipped)} waived, invalid {found.invalid}"
    )


def _ours(name: str) -> Score:
    values = scorers.values(name)
    manifests = scorers.rendered(values)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        schemas.write(folder / "schemas")
        file = folder / "manifests.yaml"
        file.write_text(manifests, encoding="utf-8")
        invalid = len(schemas.errors([file], folder / "schemas"))
    return _judged(OURS, name, outcomes.scored_code(), manifests, _lint(CHART, values), invalid)


def _theirs(peer: Peer) -> Score:
    chart = peer.folder()
    manifests = scorers.rendered({}, chart, tests=False)
    return _judged(peer.name, scorers.DEFAULT, peer.module, manifests, _lint(chart, {}), None)


def _lint(chart: Path, values: dict[str, Any]) -> bool:
    try:
        helm.lint(tools.find("helm"), chart, values)
    except ToolError:
        return False
    return True


def _judged(chart: str, values: str, code: str, manifests: str, lint: bool, invalid: int | None) -> Score:
    findings, _ = scorers.kube_score(manifests)
    answer = _checkov(manifests)
    return Score(
        chart=chart,
        values=values,
        code=code,
        lint=lint,
        findings=tuple(sorted(findings)),
        passed=answer["summary"]["passed"],
        failed=_named(answer["results"]["failed_checks"]),
        skipped=_named(answer["results"]["skipped_checks"]),
        invalid=invalid,
        commit=results.commit(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _named(checks: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(f"{one['check_id']} {one['resource']}" for one in checks))


def _checkov(manifests: str) -> dict[str, Any]:
    environment = _Checkov("checkov")
    environment.make()
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "manifests.yaml"
        file.write_text(manifests, encoding="utf-8")
        argv = [str(environment.folder / "bin" / "checkov"), "--file", str(file), "--framework", "kubernetes"]
        argv += ["--skip-download", "--output", "json"]
        done = command.run(argv, check=False, show=False, timeout_seconds=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
