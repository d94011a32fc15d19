"""The repository keeps its own rules."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANNED = re.compile(r"^(utils?|common|helpers?|managers?|misc|constants)(\.py)?$")
LONGEST_MODULE, LONGEST_FUNCTION = 300, 40


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


def test_no_module_is_over_three_hundred_lines() -> None:
    """One responsibility that its name tells."""
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in tracked("*.py")}
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_every_test_says_its_behaviour() -> None:
    """A test function without a sentence of docstring is not read by anybody."""
    definition = re.compile(
        r"^(?:async )?def (test_\w+)\(.*?\)(?: -> [^:]+)?:\n    (.*)", re.MULTILINE | re.DOTALL
    )
    found = [
        (path.name, match)
        for path in tracked("tests/*.py")
        for match in definition.finditer(path.read_text())
    ]
    bare = [f"{name}::{m[1]}" for name, m in found if not m[2].lstrip().startswith(('"""', 'r"""'))]
    assert bare == []


@pytest.mark.parametrize("name", ["requirements/dev.txt", "requirements/pod.txt", "requirements/uv.txt"])
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
