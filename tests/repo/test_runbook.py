"""The runbook: a section for every alert, and no other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from ekiben.cli.app import app
from ekiben.observe import demand, rules
from ekiben.observe.foreign import FOREIGN
from ekiben.observe.objectives import RECORDED
from ekiben.serving import metrics

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "runbook.md"
TEXT = PATH.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
ALERTS = {
    rule["alert"]: rule["annotations"]["runbook_url"]
    for group in rules.groups()
    for rule in group["rules"]
    if "alert" in rule
}


def _anchor(heading: str) -> str:
    """As GitHub and Gitea make it of a heading of one word."""
    return re.sub(r"[^a-z0-9_-]", "", heading.lower())


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    """In the order in which the rules have them."""
    assert list(SECTIONS) == list(ALERTS)


def test_each_runbook_url_ends_at_its_section() -> None:
    """The page is this one, and the anchor is that of the alert's heading."""
    for alert, url in ALERTS.items():
        page, _, anchor = url.partition("#")
        assert (ROOT / page, anchor) == (PATH, _anchor(alert))


@pytest.mark.parametrize("alert", SECTIONS)
def test_each_section_says_what_it_means_what_to_look_at_and_what_to_do(alert: str) -> None:
    """Three parts, and a command to look with."""
    section = SECTIONS[alert]
    assert re.findall(r"^\*\*(.+?)\.\*\*", section, re.MULTILINE) == ["Means", "Look at", "Do"]
    assert re.search(r"^    \S", section, re.MULTILINE)


def test_links_between_sections_lead_somewhere() -> None:
    """Every anchor of this page is a heading of it."""
    found = re.findall(r"\(#([^)]+)\)", TEXT)
    assert found
    assert set(found) <= {_anchor(name) for name in SECTIONS}


def test_every_ekiben_command_of_the_runbook_exists() -> None:
    """Each verb, and each subcommand of a group, is one of the command line."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    found = [shlex.split(each) for each in re.findall(r"\.venv/bin/ekiben ([^`#\n]+)", TEXT)]
    assert len(found) >= 10
    for verb, argument, *_ in found:
        assert verb in commands, verb
        group = getattr(commands[verb], "commands", None)
        assert group is None or argument in group, (verb, argument)


def test_every_metric_of_the_runbook_exists() -> None:
    """Names that look like ours are in the contract, recorded by a rule, or foreign and known."""
    suffixes = ("", "_bucket", "_count", "_sum")
    known = {each.name + suffix for each in metrics.CONTRACT for suffix in suffixes}
    known |= set(RECORDED) | {demand.DEMAND} | {each.name for each in FOREIGN}
    found = set(re.findall(r"\b(?:model|http_server|access|ekiben)_[a-z_]+\b", TEXT)) - {"model_server"}
    assert found
    assert found <= known
