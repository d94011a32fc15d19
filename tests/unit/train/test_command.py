from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekiben.cli import app

CSV = "size,colour,price\n" + "".join(f"{n},{'red' if n % 2 else 'blue'},{2 * n + 1}\n" for n in range(60))
YAML = """
model: house
train:
  estimator: bentos.house.estimator:build
  data: {file: bentos/house/data.csv, target: price}
  ignore: [colour]
  slices: [colour]
  partition: {validation_ratio: 0.2}
  parity_rows: 1000
  bootstrap: {resamples: 100}
  accept: {metric: mae, max: 0.001}
bento: {service: bentos.house.service:House}
image: {repository: house}
"""
ESTIMATOR = """
def build():
    from sklearn.linear_model import LinearRegression
    return LinearRegression()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a CSV, and homes of its own."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "bentos" / "house"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text(CSV)
    (folder / "ekiben.yaml").write_text(YAML)
    (folder / "estimator.py").write_text(ESTIMATOR)
    return tmp_path


def test_the_data_report_for_machines_and_as_a_page(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ekiben data` prints one JSON document and writes the page that was asked for; it stores nothing."""
    page = project / "data.html"
    assert app.main(["--project", str(project), "data", "house", "--json", "--report", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["parts"]["rows"]) == (60, {"train": 30, "validation": 12, "test": 18})
    assert page.read_text().startswith("<!doctype html>")
    assert not (project / "home").exists()


def test_the_data_report_for_people(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table of the columns, and the findings as sentences."""
    (project / "bentos" / "house" / "data.csv").write_text(CSV.replace("\n7,", "\n,"))
    assert app.main(["--project", str(project), "data", "house"]) == 0
    printed = capsys.readouterr().out
    assert "colour" in printed
    assert "- size: 1 of 60 values missing (1.7%)" in printed


def test_training_on_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The column left out is no input but a slice; validation rows have metrics; the line is found."""
    assert app.main(["--project", str(project), "train", "house"]) == 0
    printed = capsys.readouterr().out
    assert "accepted if not above 0.001" in printed
    (card,) = (project / "home" / "models" / "house").glob("*/card.json")
    found = json.loads(card.read_text())
    assert found["columns"] == {"size": {"type": "int64", "declared": False}}
    assert [each["value"] for each in found["slices"]["colour"]] == ["blue", "red"]
    assert found["validation"]["mae"]["value"] == pytest.approx(0, abs=1e-9)
    assert set(found["split"]["sha256"]) == {"train", "validation", "test"}
    assert found["metrics"]["mae"]["high"] < 0.001


def test_a_bad_file_ends_with_2(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row with a field too many is named by its line, and nothing is stored."""
    (project / "bentos" / "house" / "data.csv").write_text(CSV + "1,red,3,4\n")
    assert app.main(["--project", str(project), "train", "house"]) == 2
    assert "line 62 has 4" in capsys.readouterr().err
    assert not (project / "home").exists()


LOUD = """
print("imported")
def build():
    from sklearn.ensemble import GradientBoostingRegressor
    print("built")
    return GradientBoostingRegressor(n_estimators=2, verbose=1, random_state=0)
"""


def test_stdout_holds_the_result_alone(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the estimator's module and its `fit` print is seen, but not among the JSON that machines read."""
    (project / "bentos" / "house" / "estimator.py").write_text(LOUD)
    monkeypatch.setenv("EKIBEN_TRAIN__ACCEPT", "{metric: mae, max: 1000}")
    assert app.main(["--project", str(project), "train", "house", "--json"]) == 0
    told = capfd.readouterr()
    assert json.loads(told.out)["metric"] == "mae"
    for each in ("imported", "built", "Train Loss"):
        assert each in told.err
