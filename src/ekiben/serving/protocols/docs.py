"""`GET /docs`: the OpenAPI document for people, one page that loads nothing from anywhere.

Its script and its style are known to the content security policy by their hashes; the page may talk to the
pod that gave it, and to nobody else.

Source: https://www.w3.org/TR/CSP3/ (hash-source)
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from string import Template
from typing import Any

import orjson

from ekiben.serving.answer import Answer
from ekiben.serving.protocols import documented, examples, page
from ekiben.serving.protocols.openapi import Operation, operations
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.schema import Input, Output

_HTML = b"text/html; charset=utf-8"


def answer(served: Served, signature: Signature, paths: dict[str, tuple[str, str]]) -> Answer:
    """The page with its headers.

    Args:
        served: The model.
        signature: Its tensors.
        paths: Template and method of each path.
    """
    described = operations(served, signature)
    body = Template(page.PAGE).substitute(
        name=escape(served.name),
        version=escape(served.version),
        sha256=escape(served.sha256),
        inputs="".join(map(_input, served.schema.inputs)),
        output=escape(_output(served.schema.output)),
        example=escape(_text(examples.predict(served))),
        routes="".join(
            _route(path, method, described[template]) for path, (template, method) in paths.items()
        ),
        schemas="".join(map(_schema, documented.components(served, signature).items())),
        style=page.STYLE,
        script=page.SCRIPT,
    )
    headers = ((b"content-security-policy", policy().encode()), (b"x-content-type-options", b"nosniff"))
    return Answer(200, body.encode(), _HTML, headers)


def policy() -> str:
    """Content security policy of the page."""
    return (
        f"default-src 'none'; script-src {_hash(page.SCRIPT)}; style-src {_hash(page.STYLE)}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _input(each: Input) -> str:
    limits = []
    if each.minimum is not None:
        limits.append(f"at least {each.minimum}")
    if each.maximum is not None:
        limits.append(f"at most {each.maximum}")
    if each.on_out_of_range == "count" and limits:
        limits.append("what is outside is accepted and counted")
    if each.missing != "refuse":
        limits.append("null if missing")
    if each.categories is not None:
        limits.append("one of " + ", ".join(map(repr, each.categories)))
    return (
        f"<tr><td><code>{escape(each.name)}</code></td><td>{each.type}</td>"
        f"<td>{escape('; '.join(limits))}</td></tr>"
    )


def _output(output: Output) -> str:
    if output.classes is None:
        return "A number (regression)."
    labels = ", ".join(map(repr, output.classes))
    return f"One of the labels {labels}" + (
        ", and a probability for each, in this order." if output.probabilities else "."
    )


def _route(path: str, method: str, operation: Operation) -> str:
    parts = [f"<code>{method}</code> <code>{escape(path)}</code> {escape(operation.summary)}"]
    details = []
    if operation.example is not None:
        details.append(f"<h4>Request</h4><pre>{escape(_text(operation.example))}</pre>")
    if operation.answered is not None:
        details.append(f"<h4>Answer</h4><pre>{escape(_text(operation.answered))}</pre>")
    if not details:
        return f'<div class="route">{parts[0]}</div>'
    return f'<details class="route"><summary>{parts[0]}</summary>{"".join(details)}</details>'


def _schema(named: tuple[str, Any]) -> str:
    name, schema = named
    text = escape(_text(schema))
    return f'<details class="route"><summary><code>{name}</code></summary><pre>{text}</pre></details>'


def _text(document: Any) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
