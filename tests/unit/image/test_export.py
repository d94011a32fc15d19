"""A bento as a folder that serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekiben import config
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag
from ekiben.image import export

ROOT = Path(__file__).resolve().parents[3]


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    """Refused before anything is made."""
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ConfigError, match="empty"):
        export.export(config.load("iris", ROOT, {}), BentoTag("iris", "1"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_bento_that_is_not_there_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the folder nor a half-made one beside it."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "store"))
    with pytest.raises(ConfigError, match="iris:1"):
        export.export(config.load("iris", ROOT, {}), BentoTag("iris", "1"), tmp_path / "made/edge")
    assert not (tmp_path / "made").exists()
