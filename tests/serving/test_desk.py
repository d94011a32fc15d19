"""The bentos' services on a desk: BentoML's own server and build, with the lane's answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.serving import documented
from tests.serving.documented import BENTOS, ROOT, differences

from ekiben.serving.desk import DeskLane


def environment(home: Path, **more: str) -> dict[str, str]:
    """BentoML's, with this home."""
    return {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", **more}


@pytest.fixture(scope="session")
def answered(trained: Callable[[str], Path]) -> dict[str, list[list[Any]]]:
    """What each service answers to the documented requests."""
    home = {trained(bento).parents[2] for bento in BENTOS}.pop()
    asked = {bento: [[each.path, each.body] for each in documented.of(bento)] for bento in BENTOS}
    done = subprocess.run(
        [sys.executable, "-m", "tests.serving.desk_program"],
        input=json.dumps(asked),
        cwd=ROOT,
        env=environment(home, PYTHONPATH=f"{ROOT / 'src'}:{ROOT}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[list[Any]]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("bento", BENTOS)
def test_a_service_answers_on_a_desk_as_documented(
    bento: str, answered: Mapping[str, list[list[Any]]]
) -> None:
    """BentoML's own server gives the README's answers; what the README refuses is refused with 400."""
    predicted = 0
    for each, (status, answer) in zip(documented.of(bento), answered[bento], strict=True):
        if each.path != "/predict":
            continue
        predicted += 1
        assert status == (200 if each.status == 200 else 400), answer
        if each.status == 200:
            assert differences(each.answer, answer, each.tolerance) == []
    assert predicted


def test_what_does_not_fit_is_refused_with_its_place(artefact: Path) -> None:
    """A wrong value is BentoML's 400, whose text names every wrong place and repeats nothing sent."""
    from bentoml.exceptions import BadInput

    lane = DeskLane(artefact)
    with pytest.raises(BadInput) as found:
        lane.predict({"instances": [[5.1, 3.5, 1.4, 0.2], [5.1, "secret", 1.4, float("nan")]]})
    assert found.value.error_code == 400
    assert "/instances/1/1: expected a number" in str(found.value)
    assert "/instances/1/3: " in str(found.value)
    assert "secret" not in str(found.value)


@pytest.fixture(scope="session")
def flagship(artefact: Path) -> Path:
    """The bento that `bentoml build` makes of the bentofile at the root."""
    home = artefact.parents[2]
    subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--version", "stock"],
        cwd=ROOT, env=environment(home), check=True, capture_output=True,
    )  # fmt: skip
    return home / "bentos/iris_service/stock"


def test_stock_bentoml_packs_all_that_the_flagships_service_needs(artefact: Path, flagship: Path) -> None:
    """`bentoml build` at the root: the service answers out of the bento, with no other ekiben in reach."""
    record = yaml.safe_load((flagship / "bento.yaml").read_text(encoding="utf-8"))
    assert record["models"][0]["tag"] == f"iris:{artefact.name}"
    program = (
        "import ekiben, json; from bentos.iris.service import IrisService;"
        "found = IrisService.inner().predict([5.1, 3.5, 1.4, 0.2]);"
        "print(json.dumps([ekiben.__file__, found]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=flagship / "src",
        env=environment(artefact.parents[2], PYTHONPATH=str(flagship / "src/src")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    place, answer = json.loads(done.stdout)
    assert Path(place).is_relative_to(flagship)
    assert answer["prediction"] == 0
    assert answer["model"] == {"name": "iris", "version": artefact.name}
