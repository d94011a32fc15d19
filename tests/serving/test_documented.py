"""Each bento's README, executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.serving import documented
from tests.serving.documented import BENTOS, differences
from tests.serving.pod import running


@pytest.mark.parametrize("bento", BENTOS)
def test_the_pod_gives_the_documented_answers(
    bento: str, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """Every request of the README has the answer that the README says, from a pod of the trained model."""
    asked = documented.of(bento)
    with running(trained(bento), tmp_path) as pod:
        for each in asked:
            reply = pod.request(each.method, each.path, each.body)
            assert reply.status == each.status, reply.body
            assert differences(each.answer, reply.json, each.tolerance) == []


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (1.0, 1.2),
        (1.0, 1),
        (1, 1.0),
        (0, False),
        (1.0, float("nan")),
        ("...", 5),
        ("...", ""),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ([1.0], [1.0, 1.0]),
        ([], {}),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}),
    ],
)
def test_an_answer_that_is_not_the_documented_one_differs(expected: object, found: object) -> None:
    """Type, length, names and numbers beyond the tolerance count, wherever they stand."""
    assert differences(expected, found, 0.1) != []
    assert differences(expected, expected if expected != "..." else "any", 0.1) == []


def test_a_readme_is_read_in_pairs() -> None:
    """Method, path, status and tolerance are in the words, bodies in the fences; half a pair is refused."""
    request, answer = "## Request: one row\n\n`POST /predict`\n\n```json\n[1]\n```\n", "## Answer\n\n"
    first = request + answer + "Numbers are within 0.5 of these.\n\n```json\n2.0\n```\n\n## Notes\n\ntext\n\n"
    second = request + answer + 'With status 422:\n\n```json\n{"status": 422}\n```\n'
    found = documented.read(f"# name\n\n{first}{second}")
    assert [(each.method, each.path, each.body) for each in found] == [("POST", "/predict", [1])] * 2
    assert [(each.status, each.answer, each.tolerance) for each in found] == [
        (200, 2.0, 0.5),
        (422, {"status": 422}, 0.0),
    ]
    for text in ("# name\n", request, first + request):
        with pytest.raises(AssertionError):
            documented.read(text)
