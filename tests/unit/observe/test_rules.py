"""The rules, as data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.observe.promql import names

from ekiben.observe import objectives, rules
from ekiben.observe.foreign import FOREIGN
from ekiben.observe.windows import Pace
from ekiben.serving import metrics

ROOT = Path(__file__).resolve().parents[3]
OTHERS = {each.name for each in FOREIGN}
PACES = {"in service": Pace(), "scaled": Pace(1 / 60, 15)}


def _rules(pace: Pace) -> list[dict[str, Any]]:
    return [rule for group in rules.groups(pace) for rule in group["rules"]]


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_every_series_is_declared_recorded_or_known(pace: Pace) -> None:
    """Each name in a rule is in the metrics contract, recorded by a rule, or on the list of foreign ones."""
    suffixes = {"counter": ("",), "gauge": ("",), "histogram": ("_count", "_bucket", "_sum")}
    declared = {each.name + suffix for each in metrics.CONTRACT for suffix in suffixes[each.kind]}
    recorded = {rule["record"] for rule in _rules(pace) if "record" in rule} | set(objectives.RECORDED)
    used = set().union(*(names(rule["expr"]) for rule in _rules(pace)))
    assert used - declared - recorded <= OTHERS
    assert set(objectives.RECORDED) - {objectives.TARGET_CPU_RATIO} <= used  # that one is drawn only
    assert len(used & declared) == 10


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_no_window_is_shorter_than_four_intervals(pace: Pace) -> None:
    """Every range of every rule, and every `for`."""
    unit = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    found = [rule.get("for", "1d") for rule in _rules(pace)]
    found += [w for rule in _rules(pace) for w in re.findall(r"\[([0-9a-z]+)(?::[0-9a-z]+)?\]", rule["expr"])]
    seconds = [sum(int(n) * unit[u] for n, u in re.findall(r"(\d+)([smhd])", text)) for text in found]
    assert min(seconds) >= 4 * pace.interval_seconds


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
def test_every_alert_says_who_what_and_where_to_look(pace: Pace) -> None:
    """Severity, summary and description; a section of the runbook; a board, at this release."""
    for rule in (rule for rule in _rules(pace) if "alert" in rule):
        assert rule["labels"]["severity"] in {"page", "ticket"}
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert "{{ $labels.namespace }}/{{ $labels.release }}" in notes["summary"]
        assert notes["description"].endswith(".")
        assert notes["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert re.fullmatch(
            r"/d/ekiben-(release|autoscaling)\?var-namespace=\{\{ \$labels\.namespace \}\}"
            r"&var-release=\{\{ \$labels\.release \}\}",
            notes["dashboard_url"],
        )


def test_every_record_has_one_rule() -> None:
    """Two rules of one series would overwrite each other."""
    for pace in PACES.values():
        names = [rule["record"] for rule in _rules(pace) if "record" in rule]
        assert len(names) == len(set(names))


def test_every_selector_can_be_narrowed() -> None:
    """The chart puts the release in the place of one matcher: each series of ours carries it."""
    for rule in _rules(Pace()):
        for name in names(rule["expr"]) - (OTHERS - {"up"}):
            found = re.findall(rf'(?<![a-z_:]){re.escape(name)}(?![a-z_:0-9])(\{{release!="")?', rule["expr"])
            assert set(found) == {'{release!=""'}, (rule, name)


def test_the_file_is_what_the_room_makes() -> None:
    """Read back, the text is the groups; the chart's file holds them."""
    assert yaml.safe_load(rules.text(rules.groups())) == {"groups": rules.groups()}
    file = ROOT / "helm" / "model-server" / "files" / "rules.yaml"
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == {"groups": rules.groups()}
