"""What the pod is told comes back as it was, without what is secret."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from ekiben.errors import ConfigError
from ekiben.scale.job import description
from ekiben.scale.job.description import Description
from ekiben.scale.load import target
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget

GOLDEN = {
    "instances": [{"a": 0.1, "b": "x"}, {"a": 1e-300, "b": None}],
    "predictions": ["yes", "no"],
    "probabilities": [[0.1, 0.9], [1 / 3, 2 / 3]],
    "relative_tolerance": 1e-9,
}


def _told(**fields: Any) -> Description:
    bodies, checks = target.golden(GOLDEN, 2)
    found = LoadTarget("http://10.96.0.7:80/predict", bodies, checks, networks=("10.0.0.0/8",), **fields)
    return Description(found, Load((Segment(3, 2), Segment(1, 5, end_rate=9)), "constant"), 11, 3)


def test_a_description_comes_back_as_it_was() -> None:
    """Every field of target and load, each float to the last bit, but for what travels apart."""
    told = _told(timeout_seconds=2.5, pod_header="x-pod", server_name="iris.models.svc", protocol="grpc")
    assert description.read(description.write(told)) == told


@pytest.mark.parametrize("label", [1, 1.5, True, "1", [1, 2]])
def test_a_label_keeps_its_type(label: Any) -> None:
    """An answer is right only with a label of the same type."""
    where = LoadTarget("http://127.0.0.1/", (b"\x00\xff",), (Expected((label,)),))
    told = Description(where, Load((Segment(1, 1),)))
    [check] = description.read(description.write(told)).target.checks
    assert check.accepts({"predictions": [label]})
    assert type(check.predictions[0]) is type(label)


def test_the_headers_travel_apart() -> None:
    """The key stands in the Secret's document and nowhere in the ConfigMap's."""
    told = _told(headers={"X-API-Key": "s3cret"})
    text, headers = description.write(told), description.headers(told)
    assert "s3cret" not in text
    assert "X-API-Key" not in text
    assert json.loads(headers) == {"X-API-Key": "s3cret"}
    assert description.read(text, headers) == told
    assert description.headers(_told()) == ""


def test_the_certificates_are_where_the_pod_has_them(tmp_path: Path) -> None:
    """A path of this machine means nothing there."""
    told = _told(ca_file=str(tmp_path / "mine.pem"))
    text = description.write(told)
    assert str(tmp_path) not in text
    assert description.read(text, ca_file="/there/ca.pem").target.ca_file == "/there/ca.pem"


def test_every_field_travels_or_is_known_to_travel_apart() -> None:
    """A field that is added to the target is in the document without anybody's doing."""
    named = {field.name for field in dataclasses.fields(LoadTarget)} - {"headers", "ca_file"}
    assert set(json.loads(description.write(_told()))["target"]) == named


@pytest.mark.parametrize(
    ("text", "headers"),
    [("", ""), ("[]", ""), ('{"target": {}}', ""), (None, "s3cret"), (None, '["s3cret"]')],
)
def test_another_form_is_refused_without_repeating_it(text: str | None, headers: str) -> None:
    """One error of ours; never the headers."""
    with pytest.raises(ConfigError) as error:
        description.read(description.write(_told()) if text is None else text, headers)
    assert "s3cret" not in str(error.value)
