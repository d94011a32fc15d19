from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import orjson
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import Pod


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.inside: dict[str, str] = {}
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._tag = ""

    def handle_data(self, data: str) -> None:
        self.inside[self._tag] = self.inside.get(self._tag, "") + data


def page(pod: Pod) -> tuple[Page, str, dict[bytes, bytes]]:
    answer = pod.get("/docs")
    assert (answer.status, answer.content_type) == (200, b"text/html; charset=utf-8")
    return Page(answer.body.decode()), answer.body.decode(), dict(answer.headers)


@pytest.mark.parametrize("kind", ["script", "style"])
def test_the_policy_knows_script_and_style_by_their_hashes(flowers: Pod, kind: str) -> None:
    """The hashes in the header are those of what the page has, and nothing else may run."""
    found, text, headers = page(flowers)
    policy = headers[b"content-security-policy"].decode()
    inside = re.findall(f"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
    assert inside == [found.inside[kind]]
    digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
    assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_nothing_is_loaded_from_anywhere(flowers: Pod) -> None:
    """No address of another host, no handler or style in an attribute."""
    found, text, _ = page(flowers)
    assert "http:" not in text
    assert "https:" not in text
    assert "//" not in "".join(value or "" for _, _, value in found.attributes)
    assert {name for _, name, _ in found.attributes} <= {
        "lang", "charset", "name", "content", "class", "href", "for", "id", "rows", "spellcheck", "type",
        "autocomplete", "aria-live",
    }  # fmt: skip


def test_routes_inputs_and_an_example(mixed: Pod) -> None:
    """Every route and schema, every column with its limits, and a golden row that the pod takes."""
    found, text, _ = page(mixed)
    for path, each in mixed.routes.by_path.items():
        assert f"<code>{each.methods[0]}</code> <code>{path}</code>" in text
    for name in mixed.names:
        assert f"<td><code>{name}</code></td>" in text
    for name in orjson.loads(mixed.get("/openapi.json").body)["components"]["schemas"]:
        assert f"<summary><code>{name}</code></summary>" in text
    assert "one of &#x27;blå&#x27;, &#x27;red, or so&#x27;" in text
    mixed.post("/predict", orjson.loads(found.inside["textarea"]))


def test_names_are_text() -> None:
    """A column or a label that looks like HTML, or like a placeholder, stays text."""
    evil = "<script>alert(1)</script>"
    pod = pods.flowers((evil, "$name", "c"), names=("</textarea>", evil, "$script", "a&b"))
    found, text, _ = page(pod)
    assert evil not in text
    assert text.count("<script>") == 1
    assert list(orjson.loads(found.inside["textarea"])["instances"][0]) == [
        "</textarea>",
        evil,
        "$script",
        "a&b",
    ]
