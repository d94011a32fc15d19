"""`ekiben.yaml`: strict, bounded, overridable."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ekiben import config
from ekiben.errors import ConfigError

MINIMAL: dict[str, Any] = {
    "model": "iris",
    "train": {
        "estimator": "bentos.iris.estimator:build_estimator",
        "data": "bentos.iris.estimator:load_data",
        "accept": {"metric": "accuracy", "min": 0.9},
    },
    "bento": {"service": "bentos.iris.service:IrisService"},
    "image": {"repository": "ekiben/iris"},
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "bentos/iris/ekiben.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({**MINIMAL, **changes}))
    return folder


def test_defaults_fill_what_the_file_leaves_out(tmp_path: Path) -> None:
    """A file with the required fields alone is a whole configuration."""
    found = config.load("iris", written(tmp_path), {})
    assert (found.release_name, found.release.namespace, found.scale.min_replicas) == ("iris", "models", 2)


def test_dashes_of_a_name_are_underscores_in_its_folder(tmp_path: Path) -> None:
    """Python imports no folder with a dash, Kubernetes takes no name with an underscore: either finds it."""
    written(tmp_path, model="two-words")
    (tmp_path / "bentos/iris").rename(tmp_path / "bentos/two_words")
    assert [config.load(each, tmp_path, {}).model for each in ("two-words", "two_words")] == ["two-words"] * 2
    with pytest.raises(ConfigError, match="models here: two_words"):
        config.load("three-words", tmp_path, {})


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"scale": {"min_replicsa": 2}}, "scale.min_replicsa"),
        ({"scale": {"max_replicas": 0}}, "scale.max_replicas"),
        ({"release": {"timeout_seconds": "300s"}}, "release.timeout_seconds"),
        ({"release": {"resources": {"cpu_limit": "0.5 cores"}}}, "release.resources.cpu_limit"),
        ({"release": {"resources": {"memory": "512MB"}}}, "release.resources.memory"),
        ({"train": {**MINIMAL["train"], "accept": {"metric": "acuracy", "min": 0.9}}}, "train.accept.metric"),
        ({"observe": {"objective_ratio": 99.5}}, "observe.objective_ratio"),
        ({"scale": {"min_replicas": 5, "max_replicas": 3}}, "scale"),
        ({"model": "cluster"}, "model"),
        *(
            ({"train": {**MINIMAL["train"], "inputs": {"x": policy}}}, rf"train\.inputs\.x{place}")
            for policy, place in [
                ({"range": [2, 1]}, ""),
                ({"range": [None, None]}, ""),
                ({"range": ["0", 1]}, r"\.range\.0.*"),
                ({"range": [True, 1]}, r"\.range\.0.*"),
                ({"range": [float("nan"), 1]}, r"\.range\.0.*"),
                ({"on_out_of_range": "count"}, ""),
                ({"on_out_of_range": "clip"}, r"\.on_out_of_range"),
                ({"missing": "mean"}, r"\.missing"),
                ({"missing": "value"}, ""),
                ({"default": 1}, ""),
                ({"categories": []}, r"\.categories"),
                ({"categories": [True]}, r"\.categories\.0"),
                ({"ranges": [0, 1]}, r"\.ranges"),
            ]
        ),
        ({"model": "Iris_1"}, "model"),
        ({"trian": {}}, "trian"),
    ],
)
def test_a_wrong_key_unit_or_bound_is_named_with_its_place(
    tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    """Each wrong field is one line of the error, by its path in the file."""
    with pytest.raises(ConfigError, match=rf"\n  {place}: "):
        config.load("iris", written(tmp_path, **changes), {})


def test_an_unknown_model_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """The error lists the folders below bentos/."""
    with pytest.raises(ConfigError, match=r"unknown model 'irsi'.*models here: iris"):
        config.load("irsi", written(tmp_path), {})


def test_the_model_of_another_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    """A copied folder whose file still names the original would be stored and released in its place."""
    written(tmp_path)
    shutil.copytree(tmp_path / "bentos/iris", tmp_path / "bentos/two_flowers")
    with pytest.raises(ConfigError, match=r"named after \(two-flowers\), found model: iris"):
        config.load("two_flowers", tmp_path, {})
    assert config.load("iris", tmp_path, {}).model == "iris"


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    """What an editor saved as UTF-16 is no YAML in UTF-8."""
    path = written(tmp_path) / "bentos/iris/ekiben.yaml"
    path.write_text(path.read_text(), encoding="utf-16")
    with pytest.raises(ConfigError, match=r"ekiben\.yaml: not YAML in UTF-8"):
        config.load("iris", tmp_path, {})


@pytest.mark.parametrize("text", ["a: [", "- a", "", "just text"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML and other documents are a clear error."""
    (written(tmp_path) / "bentos/iris/ekiben.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"ekiben\.yaml"):
        config.load("iris", tmp_path, {})


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    """`EKIBEN_SECTION__FIELD` wins over the file, and only that field."""
    project = written(tmp_path, scale={"min_replicas": 3, "max_replicas": 9})
    found = config.load("iris", project, {"EKIBEN_SCALE__MAX_REPLICAS": "4", "EKIBEN_HTTP_PORT": "80"})
    assert (found.scale.min_replicas, found.scale.max_replicas) == (3, 4)


def test_the_environment_is_held_to_the_same_bounds(tmp_path: Path) -> None:
    """A wrong variable is a wrong field."""
    with pytest.raises(ConfigError, match=r"scale\.max_replicas"):
        config.load("iris", written(tmp_path), {"EKIBEN_SCALE__MAX_REPLICAS": "many"})


def test_every_field_says_what_it_is() -> None:
    """The description is the documentation: none is missing."""
    schema = config.ModelConfig.model_json_schema()
    bare = [
        f"{name}.{field}"
        for name, section in schema["$defs"].items()
        for field, spec in section["properties"].items()
        if "description" not in spec and "$ref" not in spec
    ]
    assert bare == []
