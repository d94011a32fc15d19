"""Model reports are known to be stale without training anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tools import models

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what decides the reports, and of the reports, made current."""
    for folder in ("bentos", "docs/models", "src/ekiben", "requirements", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in models.names(tmp_path):
        page = tmp_path / "docs" / "models" / f"{name}.md"
        text = page.read_text(encoding="utf-8")
        stamp = models.stamp(models.inputs_of(name, tmp_path), page)
        page.write_text(stamp + text.partition("-->\n\n")[2], encoding="utf-8")
    return tmp_path


def test_every_bento_has_its_report_and_the_index_names_it() -> None:
    """Nothing is missing, left over or edited by hand; the plots that a page shows are there."""
    for name in models.names():
        page = models.DOCS / f"{name}.md"
        shown = {Path(path) for path in models.plots_of(page)}
        assert shown == {path.relative_to(models.DOCS) for path in page.with_suffix("").iterdir()}
        assert f"[{name}]({name}.md)" in models.INDEX.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("bentos/iris/ekiben.yaml", True),
        ("bentos/iris/estimator.py", True),
        ("src/ekiben/train/metrics.py", True),
        ("requirements/dev.txt", True),
        ("docs/models/iris/roc.svg", True),
        ("docs/models/iris.md", True),
        ("bentos/iris/notes.md", False),
        ("src/ekiben/cli/app.py", False),
    ],
)
def test_a_change_of_what_decides_a_report_makes_it_stale(tree: Path, path: str, seen: bool) -> None:
    """One byte more in the bento, locks, code, page or plot is seen; in texts and other code it is not."""
    assert models.stale(tree) == []
    with (tree / path).open("a") as file:
        file.write("\n")
    assert (tree / "docs" / "models" / "iris.md" in models.stale(tree)) == seen


def test_a_report_of_no_bento_and_a_bento_without_a_report(tree: Path) -> None:
    """Both are named."""
    docs = tree / "docs" / "models"
    (docs / "iris.md").rename(docs / "tulips.md")
    assert models.stale(tree) == [docs / "README.md", docs / "iris.md", docs / "tulips.md"]
