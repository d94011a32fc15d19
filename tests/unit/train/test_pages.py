from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer
from tests.unit.train.shop import MODULE, configured

from ekiben.train import model_report, plots, station
from ekiben.train.metrics import Judged


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a classifier and a regressor, and a BentoML home of its own."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    module = MODULE + (
        "\ndef load_numbers():\n    features, _ = load()\n    return features, features['a'] * 2\n"
        "\ndef build_line():\n    from sklearn.linear_model import LinearRegression\n"
        "    return LinearRegression()\n"
    )
    (tmp_path / "shop.py").write_text(module)
    return tmp_path


@pytest.mark.parametrize(
    ("train", "drawn"),
    [
        (
            {"slices": ["a"], "search": {"parameters": {"logisticregression__C": [1, 2]}, "folds": 2}},
            [
                "target",
                "Confusion matrix",
                "ROC",
                "Precision and recall",
                "Calibration",
                "Permutation importance",
            ],
        ),
        (
            {
                "estimator": "shop:build_line",
                "data": "shop:load_numbers",
                "accept": {"metric": "rmse", "max": 0.1},
            },
            ["target", "Residuals", "Permutation importance"],
        ),
    ],
)
def test_the_report_of_a_model(project: Path, train: dict[str, Any], drawn: list[str]) -> None:
    """It has the tag, each metric with its interval, and the plots of this kind of model."""
    path = project / "out" / "report.html"
    found = station.train(configured(**train), project, report=path)
    text = path.read_text()
    assert str(found.tag) in text
    assert (
        f"<td>{found.metric}</td><td>{found.score:.4f}</td><td>{found.low:.4f} to {found.high:.4f}</td>"
        in text
    )
    assert [title for title in drawn if f'aria-label="{title}"' in text] == drawn
    assert text.count("<svg") == len(drawn)
    assert [path.name for path in path.parent.iterdir()] == ["report.html"]
    assert ("logisticregression__C = 1" in text) == ("search" in train)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_report_of_a_model_as_markdown(project: Path, kind: str) -> None:
    """It shows each plot from a file beside it and no other; made twice, all bytes are the same."""
    line = {
        "estimator": "shop:build_line",
        "data": "shop:load_numbers",
        "accept": {"metric": "mae", "max": 1},
    }
    found = []
    for name in ("one", "two"):
        path = project / name / "shop.md"
        (path.parent / "shop").mkdir(parents=True)
        (path.parent / "shop" / "old.svg").write_text("of a report before")
        station.train(configured(**(line if kind == "regressor" else {})), project, report=path)
        plotted = {
            each.relative_to(path.parent).as_posix(): each.read_bytes() for each in path.parent.rglob("*.svg")
        }
        assert set(re.findall(r'src="([^"]+)"', path.read_text())) == set(plotted)
        found.append((path.read_bytes(), plotted))
    assert found[0] == found[1]
    text = found[0][0].decode()
    for said in ("## Estimator", "## Data", "## Metrics", "## Forms", "## Size", "estimator.skops"):
        assert said in text
    assert ("shop/residuals.svg" in text, "shop/roc.svg" in text) == (
        kind == "regressor",
        kind == "classifier",
    )


def test_an_estimator_is_printed_without_addresses() -> None:
    """A function inside it stands there by name: where it lies in memory differs from run to run."""
    text = model_report.text_of(FunctionTransformer(configured))
    assert "function configured>" in text
    assert "0x" not in text


def test_plots_hold_no_markup_of_data() -> None:
    """Names of classes and columns cannot become elements of a plot."""
    labels = ["<b>", "&", "<b>", "&"]
    judged = Judged(np.array(labels), np.array(labels), None, ("<b>", "&"))
    assert "<b>" not in plots.confusion(judged)
    assert "<i>" not in plots.bars("<i>", {"<i>": 1.0})
