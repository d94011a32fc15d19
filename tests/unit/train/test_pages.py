from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.train.shop import MODULE, configured

from ekiben.train import page, plots, station
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
            ["Confusion matrix", "ROC", "Precision and recall", "Calibration", "Permutation importance"],
        ),
        (
            {
                "estimator": "shop:build_line",
                "data": "shop:load_numbers",
                "accept": {"metric": "rmse", "max": 0.1},
            },
            ["Residuals", "Permutation importance"],
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


def test_text_from_data_is_no_markup() -> None:
    """Names of classes and columns cannot become elements of the page."""
    labels = ["<b>", "&", "<b>", "&"]
    judged = Judged(np.array(labels), np.array(labels), None, ("<b>", "&"))
    assert "<b>" not in plots.confusion(judged)
    assert "<i>" not in plots.bars("<i>", {"<i>": 1.0})
    assert "<i>" not in page.page("<i>", [page.table(["<i>"], [["<i>"]]), page.paragraph("<i>")])
