"""The chart before its judges: each value set, no finding. checkov's part is recorded (`make score`)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.chart import schemas, scorers
from tests.chart.conftest import CHART

from ekiben.clients import helm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schemas of every minor version."""
    found = tmp_path_factory.mktemp("schemas") / "schemas"
    schemas.write(found, (*schemas.MINORS, "1.27"))
    return found


@pytest.mark.parametrize("name", scorers.NAMED)
def test_kube_score_finds_nothing(name: str) -> None:
    """No critical and no warning, with all optional tests."""
    findings, passed = scorers.kube_score(scorers.rendered(scorers.values(name)))
    assert findings == []
    assert passed > 30  # it has looked


@pytest.mark.parametrize("name", scorers.NAMED)
def test_helm_lint_finds_nothing(program: Path, name: str) -> None:
    """Warnings are errors."""
    helm.lint(program, CHART, scorers.values(name))


def test_every_variant_is_valid_in_three_minor_versions(folder: Path, tmp_path: Path) -> None:
    """Strictly: no unknown key, no repeated one, no kind without a schema."""
    files = []
    for name in scorers.NAMED:
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(scorers.rendered(scorers.values(name)))
    assert schemas.errors(files, folder) == []


def test_the_default_is_valid_in_the_oldest_version_that_is_promised(folder: Path, tmp_path: Path) -> None:
    """Chart.yaml says from which minor version on."""
    oldest = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    assert oldest == ">=1.27.0-0"
    file = tmp_path / "default.yaml"
    file.write_text(scorers.rendered(scorers.values(scorers.DEFAULT), kubernetes="1.27"))
    assert schemas.errors([file], folder, ["1.27"]) == []


def test_the_schemas_refuse(folder: Path, tmp_path: Path) -> None:
    """An unknown key, a repeated one, an unknown kind and a wrong type are each told in each version."""
    wrong = {
        "unknown": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {portz: 1}\n",
        "repeated": "apiVersion: v1\nkind: Service\nmetadata: {name: y, name: y}\n",
        "kind": "apiVersion: v1\nkind: Servant\nmetadata: {name: x}\n",
        "type": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: many}\n",
        "custom": "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x}\nspec: {scale: 1}\n",
    }
    for name, text in wrong.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        found = schemas.errors([tmp_path / f"{name}.yaml"], folder)
        assert len(found) == len(schemas.MINORS), (name, found)
