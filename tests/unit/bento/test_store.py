"""BentoML's store, seen from the workshop beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.bento import store
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ModelTag

TAG = ModelTag("iris", "old")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BentoML home with two versions of one model, and another model."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    for name, number in (("iris", "old"), ("iris", "new"), ("other", "1")):
        folder = tmp_path / "models" / name / number
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    (tmp_path / "models/iris/latest").write_text("new")
    return tmp_path


def test_the_workshop_shows_one_version_of_the_model(home: Path) -> None:
    """`latest` is the version that is packed, whatever was trained last; other models are there."""
    with store.workshop(TAG) as found:
        assert (found / "models/iris/latest").read_text() == "old"
        assert {path.name for path in (found / "models/iris").iterdir()} == {"old", "latest"}
        assert (found / "models/other/1/manifest.json").is_file()
        assert (found / "models/iris/old").resolve() == home / "models/iris/old"


def test_what_a_killed_run_left_in_the_workshop_goes(home: Path) -> None:
    """The models that its links point to stay."""
    left = home / "ekiben-workshop/killed/models"
    left.mkdir(parents=True)
    (left / "iris").symlink_to(home / "models/iris")
    with store.workshop(TAG):
        assert not (home / "ekiben-workshop/killed").exists()
    assert (home / "models/iris/old/manifest.json").is_file()


def test_a_model_that_is_not_there_is_refused(home: Path) -> None:
    """The error says how to get one."""
    assert home.exists()
    with pytest.raises(ConfigError) as found, store.workshop(ModelTag("iris", "none")):
        pass
    assert "ekiben train iris" in found.value.remedy


def test_publishing_replaces_what_is_there_and_points_to_it(home: Path) -> None:
    """A damaged bento of the same tag is replaced as a whole; `latest` names it."""
    tag = BentoTag("iris", "1")
    damaged = home / "bentos/iris/1"
    damaged.mkdir(parents=True)
    (damaged / "junk").write_text("")
    with store.workshop(TAG) as found:
        made = found / "made"
        made.mkdir()
        (made / "bento.yaml").write_text("x")
        assert store.publish(made, tag, found) == damaged
    assert [path.name for path in damaged.iterdir()] == ["bento.yaml"]
    assert {path.name for path in (home / "bentos/iris").iterdir()} == {"1", "latest"}
    assert (home / "bentos/iris/latest").read_text() == "1"
