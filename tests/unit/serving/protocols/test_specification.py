"""docs/protocols.md keeps its word: each sentence of a specification has tests that exist."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

from tests.unit.serving.protocols import pod
from tests.unit.serving.protocols.pod import NAME, VERSION

from ekiben.serving.explanation.explained import Summary

HERE = Path(__file__).parent
DOCUMENT = (HERE.parents[3] / "docs" / "protocols.md").read_text()
MODULES = ("test_open_inference.py", "test_open_inference_metadata.py", "test_binary_tensors.py")


def named() -> set[str]:
    """Names of the tests in the modules that the document speaks of."""
    return {
        node.name
        for module in MODULES
        for node in ast.parse((HERE / module).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_sentence_has_tests_and_every_test_a_sentence() -> None:
    """The tests that the tables name are those of the modules, and no row is without one."""
    tables = DOCUMENT.partition("### Sentence by sentence")[2]
    rows = [
        line
        for line in tables.splitlines()
        if line.startswith("|") and not line.startswith(("| spec", "|---"))
    ]
    assert rows
    assert [row for row in rows if "`test_" not in row] == []
    assert set(re.findall(r"`(test_\w+)`", tables)) == named()


def test_the_table_of_routes_is_that_of_the_pod() -> None:
    """Each route of a pod that explains, with its method and its access group, and no other."""
    flowers = pod.flowers()
    rows = re.findall(r"^\| (`/.*?) \| (GET|POST) \| (\w+) \|", DOCUMENT, re.MULTILINE)
    found = set()
    for paths, method, group in rows:
        for path in re.findall(r"`(/[^`]*)`", paths):
            forms = [path]
            for part in re.findall(r"\[.*?\]", path):
                forms = [form.replace(part, new) for form in forms for new in ("", part[1:-1])]
            found |= {(form, method, group) for form in forms}
    flowers.served = dataclasses.replace(flowers.served, explanation=Summary("trees", "share", 3))
    routes = flowers.routes.by_path
    names = {(path.format(model=NAME, version=VERSION), method, group) for path, method, group in found}
    assert names == {(path, each.methods[0], each.group) for path, each in routes.items()}
