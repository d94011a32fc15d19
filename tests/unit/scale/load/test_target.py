"""Where a load may go, what it says, which answer is right."""

from __future__ import annotations

import json
from typing import Any

import h11
import pytest

from ekiben.errors import ConfigError
from ekiben.scale.load.target import Endpoint, Expected, LoadTarget, endpoint, golden, request_bytes


@pytest.mark.parametrize(
    ("url", "networks"),
    [
        ("http://127.0.0.1:3000/predict", ()),
        ("http://127.1.2.3/predict", ()),
        ("http://[::1]:3000/predict", ()),
        ("http://localhost:3000/predict", ()),
        ("http://10.43.0.7:3000/predict", ("10.42.0.0/16", "10.43.0.0/16")),
        ("http://203.0.113.9/predict", ("203.0.113.9",)),
    ],
)
def test_loopback_and_named_networks_are_allowed(url: str, networks: tuple[str, ...]) -> None:
    """Loopback always; else an address inside what the caller named."""
    assert endpoint(url, networks).path == "/predict"


@pytest.mark.parametrize(
    ("url", "networks"),
    [
        ("http://10.43.0.7/predict", ()),
        ("http://10.44.0.7/predict", ("10.43.0.0/16",)),
        ("http://192.0.2.1/predict", ("10.0.0.0/8",)),
        ("http://0.0.0.0/predict", ()),
        ("http://127.0.0.1/predict", ("0.0.0.0/0",)),
        ("http://127.0.0.1/predict", ("8.0.0.0/8",)),
        ("http://127.0.0.1/predict", ("ten",)),
        ("http://user@127.0.0.1/predict", ()),
        ("http://127.0.0.1:99999/predict", ()),
        ("ftp://127.0.0.1/predict", ()),
        ("127.0.0.1:3000/predict", ()),
        ("http:///predict", ()),
        ("http://no-such-host.invalid/predict", ()),
    ],
)
def test_everything_else_is_refused(url: str, networks: tuple[str, ...]) -> None:
    """Other addresses, public networks, and what is no plain URL give a ConfigError."""
    with pytest.raises(ConfigError):
        endpoint(url, networks)


def test_an_endpoint_is_looked_up_once() -> None:
    """Address, port, host and query are taken apart; https has port 443."""
    assert endpoint("https://127.0.0.1/a?b=c") == Endpoint(
        "127.0.0.1", 443, True, "127.0.0.1", "127.0.0.1", "/a?b=c"
    )


def test_requests_are_http_to_another_parser() -> None:
    """h11 reads the bytes as one whole POST with our body and headers."""
    target = LoadTarget("http://127.0.0.1:3000/predict?x=1", (b'{"a": 1}',), headers={"X-Key": "k"})
    [written] = request_bytes(target, endpoint(target.url))
    server = h11.Connection(h11.SERVER)
    server.receive_data(written)
    request, data, end = (server.next_event() for _ in range(3))
    assert isinstance(request, h11.Request)
    assert isinstance(data, h11.Data)
    assert isinstance(end, h11.EndOfMessage)
    headers = {name.decode(): value.decode() for name, value in request.headers}
    assert (request.method, request.target, bytes(data.data)) == (b"POST", b"/predict?x=1", b'{"a": 1}')
    assert headers["host"] == "127.0.0.1:3000"
    assert (headers["x-key"], headers["content-type"]) == ("k", "application/json")
    assert "connection" not in headers
    assert server.next_event() is h11.NEED_DATA


def test_a_callers_content_type_replaces_ours() -> None:
    """There is one content type, the caller's."""
    target = LoadTarget("http://127.0.0.1/", (b"1",), headers={"content-type": "text/csv"})
    [written] = request_bytes(target, endpoint(target.url))
    assert written.lower().count(b"content-type: ") == 1
    assert b"content-type: text/csv\r\n" in written


RIGHT: dict[str, Any] = {"predictions": ["a", "b"], "probabilities": [[0.25, 0.75], [0.5, 0.5]]}
CHECK = Expected(("a", "b"), ((0.25, 0.75), (0.5, 0.5)))


def test_the_right_answer_is_accepted() -> None:
    """Labels equal, numbers within the relative tolerance, other keys ignored."""
    assert CHECK.accepts(RIGHT | {"id": "x", "model": {}})
    assert CHECK.accepts(RIGHT | {"probabilities": [[0.25 * (1 + 5e-10), 0.75], [0.5, 0.5]]})


@pytest.mark.parametrize(
    "change",
    [
        {"predictions": ["b", "a"]},
        {"predictions": ["a"]},
        {"predictions": ["a", "b", "b"]},
        {"predictions": "ab"},
        {"probabilities": None},
        {"probabilities": [[0.25, 0.75]]},
        {"probabilities": [[0.25, 0.75], [0.5]]},
        {"probabilities": [[0.25 * (1 + 3e-9), 0.75], [0.5, 0.5]]},
        {"probabilities": [["0.25", 0.75], [0.5, 0.5]]},
    ],
)
def test_any_other_answer_is_wrong(change: dict[str, Any]) -> None:
    """Order, number, type and value each matter."""
    assert not CHECK.accepts(RIGHT | change)


@pytest.mark.parametrize("answer", [None, [], "a", {}, {"prediction": "a"}])
def test_what_is_no_answer_is_wrong(answer: object) -> None:
    """Other JSON is wrong, not an exception."""
    assert not CHECK.accepts(answer)


def test_one_row_may_be_answered_flat() -> None:
    """`prediction` with flat or nested probabilities is the answer to one row."""
    one = Expected(("a",), ((0.25, 0.75),))
    assert one.accepts({"prediction": "a", "probabilities": [0.25, 0.75]})
    assert one.accepts({"prediction": "a", "probabilities": [[0.25, 0.75]]})
    assert not one.accepts({"prediction": "b", "probabilities": [0.25, 0.75]})


@pytest.mark.parametrize(
    ("expected", "found", "right"),
    [(1, 1, True), (1, 1.0, False), (1, True, False), (1, "1", False), (1.5, 1.5, True), (1.0, 1, True)],
)
def test_labels_keep_their_type(expected: object, found: object, right: bool) -> None:
    """An integer label is not a boolean, a float or a text; a regression's 1.0 may be written 1."""
    assert Expected((expected,)).accepts({"predictions": [found]}) is right


def test_golden_rows_become_requests_with_their_answers() -> None:
    """Each golden row is one request, checked against its own answer."""
    document = {
        "instances": [{"x": 1.0}, {"x": 2.0}],
        "predictions": ["a", "b"],
        "probabilities": [[1, 0], [0, 1]],
    }
    bodies, checks = golden(document)
    assert [json.loads(body) for body in bodies] == [{"instances": [{"x": 1.0}]}, {"instances": [{"x": 2.0}]}]
    assert checks[1].accepts({"predictions": ["b"], "probabilities": [[0.0, 1.0]]})
    assert not checks[0].accepts({"predictions": ["b"], "probabilities": [[0.0, 1.0]]})
    with pytest.raises(ConfigError):
        golden({"instances": [], "predictions": []})


@pytest.mark.parametrize(
    "fields",
    [
        {"bodies": ()},
        {"checks": (CHECK, CHECK)},
        {"timeout_seconds": 0},
        {"timeout_seconds": float("nan")},
        {"connection_seconds": -1},
        {"connections": 0},
        {"headers": {"Host": "x"}},
        {"headers": {"X-A": "b\r\nX-C: d"}},
    ],
)
def test_wrong_targets_are_refused(fields: dict[str, Any]) -> None:
    """Each wrong field gives a ConfigError."""
    with pytest.raises(ConfigError):
        LoadTarget(**{"url": "http://127.0.0.1/", "bodies": (b"1",)} | fields)
