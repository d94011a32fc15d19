"""Which packages an image needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ekiben.errors import ConfigError
from ekiben.image import serving_set
from ekiben.serving.predictor import Form

REQUIREMENTS = Path(__file__).resolve().parents[3] / "requirements"
ALL: tuple[Form, ...] = ("folded", "onnx", "scikit-learn")


@pytest.mark.parametrize(
    ("preferred", "wanted", "demanded", "custom", "expected"),
    [
        ("folded", (), "auto", False, ["core"]),
        ("onnx", (), "auto", False, ["core", "onnx"]),
        ("scikit-learn", (), "auto", False, ["core", "scikit-learn"]),
        ("onnx", (), "scikit-learn", False, ["core", "scikit-learn"]),
        ("folded", ("scikit-learn", "folded"), "auto", False, ["core", "scikit-learn"]),
        ("folded", (), "auto", True, ["core", "scikit-learn", "bentoml"]),
        ("onnx", (), "auto", True, ["core", "onnx", "scikit-learn", "bentoml"]),
    ],
)
def test_an_image_has_what_its_answers_need(
    preferred: Form, wanted: tuple[Form, ...], demanded: Any, custom: bool, expected: list[str]
) -> None:
    """The answering form's packages; BentoML's and scikit-learn's where the service has routes of its own."""
    assert list(serving_set.needed(ALL, preferred, wanted, demanded, custom=custom)) == expected


@pytest.mark.parametrize(
    ("available", "preferred", "wanted", "demanded", "named"),
    [
        (("scikit-learn",), "scikit-learn", ("onnx",), "auto", "onnx"),
        (("scikit-learn",), "scikit-learn", (), "folded", "folded"),
        (ALL, "folded", ("onnx",), "auto", "folded"),
    ],
)
def test_a_form_that_cannot_be_served_is_refused(
    available: tuple[Form, ...], preferred: Form, wanted: tuple[Form, ...], demanded: Any, named: str
) -> None:
    """One that the artefact lacks, or an answering one that the image would lack."""
    with pytest.raises(ConfigError, match=named) as found:
        serving_set.needed(available, preferred, wanted, demanded, custom=False)
    assert found.value.remedy


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, "auto"), ({"server": {"predictor": "onnx"}}, "onnx"), ({"server": {"grpc": False}}, "auto")],
)
def test_the_releases_values_may_demand_a_form(values: dict[str, Any], expected: str) -> None:
    """`server.predictor` of the chart."""
    assert serving_set.demanded(values) == expected


def test_an_unknown_form_in_the_values_is_refused() -> None:
    """Before an image is made that no pod could start from."""
    with pytest.raises(ConfigError, match="tensorflow"):
        serving_set.demanded({"server": {"predictor": "tensorflow"}})


def test_a_layer_does_not_install_again_what_is_below() -> None:
    """The other pins stay with all their hashes and nothing else."""
    other = "b-c==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    lock = f"a==1 \\\n    --hash=sha256:aa\n    # via x\n{other}"
    assert serving_set.above(lock, {"a"}) == other


@pytest.mark.parametrize("custom", [False, True])
def test_explanations_of_trees_bring_their_part(custom: bool) -> None:
    """Whatever answers; without them it is not there."""
    with_it = serving_set.needed(ALL, "onnx", (), "auto", custom=custom, explain=True)
    without = serving_set.needed(ALL, "onnx", (), "auto", custom=custom)
    assert set(with_it) - set(without) == {"explain"}


def test_the_parts_together_are_the_pods_lock() -> None:
    """The same versions with the same hashes; what explains trees stands apart, one library and no more."""

    def hashes(text: str) -> set[tuple[str, ...]]:
        blocks = re.findall(r"^(\S+==\S+)((?:[^\n]*\n\s+--hash=\S+)*)", text, re.MULTILINE)
        return {(pin, *sorted(re.findall(r"sha256:\w+", rest))) for pin, rest in blocks}

    of = {part: hashes((REQUIREMENTS / "pod" / f"{part}.txt").read_text()) for part in serving_set.PARTS}
    assert [pin.partition("==")[0] for pin, *_ in of.pop("explain")] == ["lightgbm"]
    parts = list(of.values())
    assert set().union(*parts) == hashes((REQUIREMENTS / "pod.txt").read_text())
    assert not {pin for pin, *_ in parts[0] | parts[1]} & {
        pin for pin, *_ in parts[2] if re.match(r"scikit-learn|scipy|skops", pin)
    }
