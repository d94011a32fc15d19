"""Key sets behind an address: asked in the background, seldom, and never needed for a request."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.unit.serving.access import made
from tests.unit.serving.access.made import NOW, claims, token

from ekiben.serving.access.clock import Clock
from ekiben.serving.access.door import Required
from ekiben.serving.access.fetch import fetch
from ekiben.serving.access.watched import AGAIN_SECONDS, REFRESH_SECONDS
from ekiben.serving.problem import RefusedError

CLUSTER, NEXT = made.rsa_key("cluster"), made.rsa_key("plain")
OLD_TOKEN, NEW_TOKEN = token(claims(), CLUSTER), token(claims(), NEXT, kid="next")


class Issuer(ThreadingHTTPServer):
    """Answers with a set of keys, or with what the test says; counts who asks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = 0
        self.status, self.body, self.delay, self.headers = 200, b"", 0.0, {"location": "http://127.0.0.1:1/"}
        self.has(made.jwk(CLUSTER, "cluster"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/jwks?a=b"

    def has(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:  # http.server's name
        self.server.asked += 1
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Issuer]:
    with Issuer() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


class Time:
    """Monotonic seconds that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def by_url(folder: Path, url: str, steady: Time) -> Required:
    """Access control with one issuer, whose keys are behind an address; it has looked once."""
    made.write(folder, "policy.json", made.policy(made.issuer(jwks_file=..., jwks_url=url)))
    door = Required(folder, Clock(lambda: float(NOW), lambda: 0.0), steady=steady)
    door.refresh()
    return door


def admits(door: Required, text: bytes) -> int:
    """The status that a credential gets."""
    try:
        door.leave(door.credential({b"x-api-key": text}), "predict", "")
    except RefusedError as error:
        return error.status
    return 200


def test_an_address_is_asked_at_the_start_and_then_now_and_then(tmp_path: Path, server: Issuer) -> None:
    """Once for any number of tokens; again when its time has come, and then a new key counts."""
    steady = Time()
    door = by_url(tmp_path, server.url, steady)
    assert [admits(door, OLD_TOKEN) for _ in range(50)] == [200] * 50
    assert server.asked == 1
    server.has(made.jwk(NEXT, "next"))
    steady.now += REFRESH_SECONDS - 1
    door.refresh()
    assert (server.asked, admits(door, OLD_TOKEN)) == (1, 200)
    steady.now += 1
    door.refresh()
    assert (server.asked, admits(door, OLD_TOKEN), admits(door, NEW_TOKEN)) == (2, 401, 200)


def test_an_unknown_key_is_asked_for_once_a_minute(tmp_path: Path, server: Issuer) -> None:
    """However many tokens name it: not in the request, and not more often."""
    steady = Time()
    door = by_url(tmp_path, server.url, steady)
    for _ in range(10):
        steady.now += AGAIN_SECONDS / 10 - 0.1
        assert {admits(door, token(claims(), NEXT, kid=f"kid-{n}")) for n in range(5)} == {401}
        door.refresh()
    assert server.asked == 1
    server.has(made.jwk(CLUSTER, "cluster"), made.jwk(NEXT, "next"))
    steady.now += 1
    assert admits(door, NEW_TOKEN) == 401
    door.refresh()
    assert (server.asked, admits(door, NEW_TOKEN), admits(door, OLD_TOKEN)) == (2, 200, 200)
    door.refresh()
    steady.now += AGAIN_SECONDS
    door.refresh()
    assert server.asked == 2  # nobody asked for an unknown key since


def test_a_token_of_another_algorithm_makes_nobody_ask(tmp_path: Path, server: Issuer) -> None:
    """No key could be for it, however new the set."""
    steady = Time()
    door = by_url(tmp_path, server.url, steady)
    steady.now += AGAIN_SECONDS
    assert admits(door, token(claims(), b"secret", alg="HS256", kid="x")) == 401
    door.refresh()
    assert server.asked == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"), (302, b"{}"), (404, b""), (200, b""), (200, b"<html>"), (200, b'{"keys": []}'),
        (200, b" " * 300_000), (200, b'{"keys": "' + b"x" * 300_000),
    ],
)  # fmt: skip
def test_old_keys_stay_when_a_fetch_fails(
    tmp_path: Path, server: Issuer, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    """An error, a redirect, a login page, an empty or an endless answer; asked again a minute later."""
    steady = Time()
    door = by_url(tmp_path, server.url, steady)
    right = server.body
    server.status, server.body = status, body
    steady.now += REFRESH_SECONDS
    with caplog.at_level(logging.ERROR):
        door.refresh()
        door.refresh()
    assert (server.asked, admits(door, OLD_TOKEN)) == (2, 200)
    assert caplog.text.count("stays in force") == 1
    server.status, server.body = 200, right
    steady.now += AGAIN_SECONDS
    door.refresh()
    assert server.asked == 3


def test_a_set_that_is_too_long_is_not_read(tmp_path: Path, server: Issuer) -> None:
    """However right it would be: the pod's memory is not the issuer's."""
    steady = Time()
    door = by_url(tmp_path, server.url, steady)
    server.has(made.jwk(NEXT, "next"))
    server.body += b" " * 300_000
    steady.now += REFRESH_SECONDS
    door.refresh()
    assert [admits(door, each) for each in (OLD_TOKEN, NEW_TOKEN)] == [200, 401]


def test_an_issuer_that_is_away_at_the_start_is_asked_again(
    tmp_path: Path, server: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its tokens are refused until the keys are there; it is asked again after 1, 2, 4, ... 60 seconds."""
    steady = Time()
    server.status = 503
    with caplog.at_level(logging.INFO):
        door = by_url(tmp_path, server.url, steady)
        for asked, wait in enumerate((1, 2, 4, 8, 16, 32, 60, 60), 1):
            assert f"nothing was fetched yet; asking again in {wait} s" in caplog.messages[-1]
            steady.now += wait - 0.01
            door.refresh()
            assert (server.asked, admits(door, OLD_TOKEN)) == (asked, 401)
            steady.now += 0.01
            door.refresh()
        server.status = 200
        steady.now += 60
        door.refresh()
    assert (server.asked, admits(door, OLD_TOKEN)) == (10, 200)
    assert caplog.messages[-1].endswith("/jwks?a=b: fetched")


def test_a_start_waits_for_no_issuer(tmp_path: Path, server: Issuer) -> None:
    """While it is asked for the first time tokens are told to come back; all else is judged."""
    made.write(tmp_path, "policy.json", made.policy(made.issuer(jwks_file=..., jwks_url=server.url)))
    made.write(tmp_path, "keys.json", made.key_file(made.key_record(made.key_text("web"))))
    server.delay = 1.0
    began = time.monotonic()
    door = Required(tmp_path, Clock(lambda: float(NOW), lambda: 0.0))
    door.start()
    with closing(door):
        assert time.monotonic() - began < 0.9
        with pytest.raises(RefusedError) as error:
            door.leave(door.credential({b"x-api-key": OLD_TOKEN}), "predict", "")
        assert (error.value.status, dict(error.value.headers)) == (503, {b"retry-after": b"1"})
        forged = token(claims(), b"secret", alg="HS256", kid="cluster")
        others = (made.key_text("web").encode(), made.key_text("web", 1).encode(), b"a.b.c", forged)
        assert [admits(door, each) for each in others] == [200, 401, 401, 401]
        while (found := admits(door, OLD_TOKEN)) == 503:
            assert time.monotonic() - began < 5
            time.sleep(0.01)
        assert (found, admits(door, NEW_TOKEN)) == (200, 401)


def test_an_issuer_that_fails_at_the_start_closes_the_door(tmp_path: Path, server: Issuer) -> None:
    """After its first answer 401: whoever cannot be known is neither let in nor kept waiting."""
    server.status = 500
    door = by_url(tmp_path, server.url, Time())
    assert [admits(door, each) for each in (OLD_TOKEN, NEW_TOKEN)] == [401, 401]


def test_a_slow_issuer_holds_up_no_request(tmp_path: Path, server: Issuer) -> None:
    """While the watch waits for it, tokens are admitted at once."""
    steady = Time()
    door = by_url(tmp_path, server.url, steady)
    server.delay = 1.0
    steady.now += REFRESH_SECONDS
    watch = Thread(target=door.refresh)
    watch.start()
    began = time.monotonic()
    assert [admits(door, OLD_TOKEN) for _ in range(20)] == [200] * 20
    assert time.monotonic() - began < 0.9
    assert watch.is_alive()
    watch.join()
    assert server.asked == 2


def test_a_fetch_is_bounded_in_time(server: Issuer) -> None:
    """An issuer that does not answer is an error, not a wait; so is one that is not there."""
    server.delay = 1.5
    began = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        fetch(server.url, 0.1)
    assert time.monotonic() - began < 1.4
    with pytest.raises(OSError, match="refused"):
        fetch("http://127.0.0.1:1/", 0.1)
