"""The repository keeps its own rules."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANNED = re.compile(r"^(utils?|common|helpers?|managers?|misc|constants)(\.py)?$")
LONGEST = {"src": 300, "tools": 300, "bentos": 300, "tests": 400}  # a table of cases may be long


def tracked(pattern: str) -> list[Path]:
    """Files that git knows, or would."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_module_has_a_name_that_says_nothing() -> None:
    """Rooms are named by what they do."""
    assert [p for p in tracked("*.py") if BANNED.match(p.name) or BANNED.match(p.parent.name)] == []


def test_no_module_has_grown_over_its_limit() -> None:
    """One responsibility that its name tells."""
    lengths = {p.relative_to(ROOT): len(p.read_text().splitlines()) for p in tracked("*.py")}
    assert {str(p): n for p, n in lengths.items() if n > LONGEST.get(p.parts[0], 300)} == {}


def test_every_test_says_its_behaviour() -> None:
    """A test function without a sentence of docstring is not read by anybody."""
    bare = [
        f"{path.name}::{node.name}"
        for path in tracked("tests/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert bare == []


@pytest.mark.parametrize("name", sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("requirements/**/*.txt")))
def test_locks_carry_hashes_and_no_host(name: str) -> None:
    """Every pinned line has a hash; no index is named."""
    text = (ROOT / name).read_text()
    blocks = re.findall(r"^\S+==.*(?:\n    .*)*", text, re.MULTILINE)
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links", text)


def test_the_road_is_the_same_everywhere() -> None:
    """README, configuration, Makefile and package have the seven words in the same order."""
    road = ["train", "bento", "image", "release", "traffic", "scale", "observe"]
    from ekiben import config
    from ekiben.road.journey import STATIONS

    assert list(STATIONS) == road
    assert [name for name in config.ModelConfig.model_fields if name in road] == road
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in re.findall(r"^([a-z]+):", makefile, re.MULTILINE) if name in road] == road
    rows = re.findall(r"^\| \d?\s*\[?`?(\w+)`?\]?", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [word for word in rows if word in road] == road
