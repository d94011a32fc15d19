from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ekiben.ground.rules import Mirror, wanted

GROUP = {"name": "g", "rules": [{"record": "a", "expr": "vector(1)"}]}


def listed(*names: str, **spec: Any) -> dict[str, Any]:
    """A list of PrometheusRules as the API answers, `namespace/name` each."""
    parts = [name.split("/") for name in names]
    return {
        "items": [
            {"metadata": {"namespace": place, "name": name}, "spec": spec or {"groups": [GROUP]}}
            for place, name in parts
        ]
    }


def texts(folder: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in folder.iterdir()}


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """It refuses what has `wrong` in it."""
    return Mirror(tmp_path, lambda path: "parse error" if "wrong" in path.read_text() else "")


def test_each_object_becomes_a_file_of_its_groups(mirror: Mirror) -> None:
    """Objects of one name in two namespaces are two files; what is not of the rules stays out."""
    assert mirror.follow(wanted(listed("a/iris", "b/iris", groups=[GROUP], status="x"))) is True
    assert texts(mirror.folder) == {
        "object-a.iris.yaml": {"groups": [GROUP]},
        "object-b.iris.yaml": {"groups": [GROUP]},
    }


def test_nothing_new_reloads_nothing(mirror: Mirror) -> None:
    """Only a change is one; an object without groups is a file without groups."""
    files = wanted(listed("a/iris", "a/empty") | {"x": 1})
    assert mirror.follow(files) is True
    assert mirror.follow(files) is False
    assert wanted({"items": [{"metadata": {"namespace": "a", "name": "b"}, "spec": {}}]}) == {
        "object-a.b.yaml": '{"groups": []}'
    }


def test_what_goes_is_removed_and_what_is_not_ours_stays(mirror: Mirror) -> None:
    """A file that somebody put there by hand is theirs."""
    (mirror.folder / "mine.yaml").write_text("{}")
    mirror.follow(wanted(listed("a/iris")))
    assert mirror.follow({}) is True
    assert set(texts(mirror.folder)) == {"mine.yaml"}


def test_what_prometheus_would_refuse_keeps_nobody_else_out(mirror: Mirror) -> None:
    """The others' rules are taken, the last good ones of it stay, and a mended object is taken."""
    mirror.follow(wanted(listed("a/iris")))
    bad = wanted(listed("a/iris", groups=[{"name": "wrong"}])) | wanted(listed("b/iris"))
    assert mirror.follow(bad) is True
    kept = {"object-a.iris.yaml": {"groups": [GROUP]}, "object-b.iris.yaml": {"groups": [GROUP]}}
    assert texts(mirror.folder) == kept
    assert mirror.follow(bad) is False  # nor is it asked again
    good = wanted(listed("a/iris", groups=[])) | wanted(listed("b/iris"))
    assert mirror.follow(good) is True
    assert texts(mirror.folder)["object-a.iris.yaml"] == {"groups": []}
