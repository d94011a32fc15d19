"""What each bento shows, beside what its README documents."""

from __future__ import annotations

import csv
import json
import pickle
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bentos.credit import applications
from tests.serving import documented
from tests.serving.documented import BENTOS, ROOT
from tests.serving.pod import starting

from ekiben import config
from ekiben.serving.desk import DeskLane
from ekiben.train import fitting
from ekiben.train.report import report

APPLICATION = {
    "age": 40, "income": 33_000.0, "months_employed": 60.0, "debt_ratio": 0.3, "amount": 8_000.0,
    "purpose": "car", "residence": "owner",
}  # fmt: skip
Train = Callable[[str], Path]


def cells(name: str) -> list[str]:
    """A column of the credit table, as the file has it."""
    with applications.FILE.open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def probability(lane: DeskLane, **changed: Any) -> float:
    """Of a default, for an application that differs in some values."""
    found = lane.predict({"features": {**APPLICATION, **changed}})["probabilities"]
    return float(found[1])


def test_the_credit_table_is_what_its_recipe_makes() -> None:
    """The file in the folder is the recipe's, byte by byte."""
    assert applications.FILE.read_bytes() == applications.text().encode()


def test_the_data_report_shows_what_is_wrong_with_the_credit_table() -> None:
    """Missing values as the file has them, both mixed-up units as outliers, and the imbalance."""
    found = report(config.load("credit", ROOT, {}), ROOT)
    columns = {each["name"]: each for each in found["columns"]}
    missing = {name: cells(name).count("") for name in columns}
    assert {name: each["missing"] for name, each in columns.items()} == missing
    assert sorted(name for name, count in missing.items() if count) == [
        "income",
        "months_employed",
        "purpose",
    ]
    in_percent = sum(float(each) > 1 for each in cells("debt_ratio"))
    in_cents = sum(float(each) > 300_000 for each in cells("income") if each)
    assert min(in_percent, in_cents) > 10
    assert columns["debt_ratio"]["outliers"]["count"] >= in_percent
    assert columns["income"]["outliers"]["count"] >= in_cents
    defaults = cells("defaulted").count("1")
    assert found["target"]["imbalance_ratio"] == pytest.approx((3_000 - defaults) / defaults)
    assert found["target"]["imbalance"] == "high"
    assert found["refused"] == ""


def test_credit_cleans_a_request_as_it_cleaned_the_table(trained: Train) -> None:
    """A missing number is the median, a missing purpose is `other`, an income in cents is the highest bin."""
    folder = trained("credit")
    lane = DeskLane(folder)
    # The median of all rows stands for that of the rows it was fitted on: the nearest bins are far apart.
    median = statistics.median(float(each) for each in cells("income") if each)
    assert probability(lane, income=None) == probability(lane, income=median)
    assert probability(lane, income=None) != probability(lane, income=20_000.0)
    assert probability(lane, purpose=None) == probability(lane, purpose="other")
    assert probability(lane, purpose=None) != probability(lane, purpose="business")
    assert probability(lane, income=90_000.0) == probability(lane, income=9_000_000.0)
    card = json.loads((folder / "card.json").read_bytes())
    assert {name: len(each) for name, each in card["slices"].items()} == {"purpose": 5, "residence": 3}
    assert [each["parameters"] for each in card["search"]["best"]] == [
        {"classifier__C": each} for each in (0.1, 1, 10, 100, 1000)
    ]


def table() -> dict[str, list[str]]:
    """Cells of each bento's row in bentos/README.md: estimator, data, form, request, shows."""
    lines = (ROOT / "bentos" / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| [")]
    return {re.fullmatch(r"\[(\w+)\]\(\1/README.md\)", name)[1]: cells for name, *cells in rows}  # type: ignore[index]  # None fails


def request_form(documented_body: Any) -> str:
    """How the table calls a request's body."""
    if isinstance(documented_body, dict):
        (name,) = documented_body
        return f'`{{"{name}": [...]}}`'
    return "`[...]`"


def test_the_table_names_every_bento() -> None:
    """Each folder with an `ekiben.yaml` has a row, and no other has."""
    assert sorted(table()) == list(BENTOS)


@pytest.mark.parametrize("bento", BENTOS)
def test_the_table_says_what_a_bento_is(bento: str, trained: Train) -> None:
    """Estimator, form that answers and request of its row; no label of the compared rows differs."""
    estimator, _, form, request, _ = table()[bento]
    folder = trained(bento)
    built = fitting.build(config.load(bento, ROOT, {}).train, ROOT)
    last = built.steps[-1][1] if hasattr(built, "steps") else built
    assert type(last).__name__ in estimator
    assert request == request_form(documented.of(bento)[0].body)
    assert form == json.loads((folder / "manifest.json").read_bytes())["predictor"]
    forms = json.loads((folder / "parity.json").read_bytes())["forms"]
    kept = {name: each["flips"] for name, each in forms.items() if each["kept"] and name != "scikit-learn"}
    assert set(kept.values()) <= {0}
    assert form in kept or (form, kept) == ("scikit-learn", {})


def test_linear_answers_as_its_pickle_does_and_never_reads_it(trained: Train, tmp_path: Path) -> None:
    """Saved as a pickle, loaded here, predicted: 2, 4, 6; the pod answers so, and refuses to unpickle."""
    folder, rows = trained("linear"), [[0.5], [1.5], [2.5]]
    loaded = pickle.loads((folder / "estimator.pickle").read_bytes())  # noqa: S301 - made by this test's run
    assert loaded.predict(rows) == pytest.approx([2, 4, 6], abs=0.05)
    answered = DeskLane(folder).predict({"instances": rows})["predictions"]
    assert answered == pytest.approx(loaded.predict(rows), rel=1e-12)
    with starting(folder, tmp_path, EKIBEN_PREDICTOR="scikit-learn") as pod:
        assert pod.process.wait(20) == 2
        assert "expected a verified signature and leave to unpickle" in pod.log.read_text()


def test_housing_finds_the_recipe(trained: Train) -> None:
    """Each unit of a feature costs what the recipe says, within what the noise allows."""
    lane = DeskLane(trained("housing"))
    flat = {"area_m2": 85.0, "rooms": 3, "age_years": 30, "distance_km": 5.0}
    price = lane.predict({"features": flat})["prediction"]
    for name, cost, error in [
        ("area_m2", 3.2, 0.2), ("rooms", 8.0, 3.0), ("age_years", -1.1, 0.1), ("distance_km", -4.5, 0.5),
    ]:  # fmt: skip
        more = lane.predict({"features": {**flat, name: flat[name] + 1}})["prediction"]
        assert more - price == pytest.approx(cost, abs=error), name
