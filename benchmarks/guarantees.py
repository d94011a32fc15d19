"""What the product promises and a bare server does not: looked at before it is timed."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Mapping

import numpy as np

from benchmarks.arms import PRODUCT
from benchmarks.forms import Request
from benchmarks.models import Model
from benchmarks.servers import Server
from benchmarks.session import Session
from ekiben.errors import EkibenError

EXPERIMENT = "guarantees"
_TOO_LONG = 64 << 20  # bytes: beyond any limit that a pod has by default
_METRICS_OFFSET = 2  # of the metrics port from the HTTP port
_JSON = {"Content-Type": "application/json"}


def run(session: Session, model: Model) -> None:
    """Record which guarantees this build holds."""
    if session.is_done(experiment=EXPERIMENT, arm=PRODUCT.name, model=model.name):
        return
    about = {"arm": PRODUCT.name, "model": model.name}
    try:
        with session.server(PRODUCT, model) as server:
            server.wait_ready()
            server.check(session.batches(model, 1))
            session.record(EXPERIMENT, **about, held=held(server))
    except EkibenError as error:
        session.record(EXPERIMENT, **about, **session.failed(error))


def held(server: Server) -> Mapping[str, bool]:
    """Ask for what must be refused.

    Returns:
        By guarantee, whether it was.
    """
    row = server.place.model.features[0].tolist()
    right = Request(json.dumps({"instances": [row]}).encode(), _JSON)
    ragged = Request(json.dumps({"instances": [row, row[:-1]]}).encode(), _JSON)
    infinite = Request(json.dumps({"instances": [[np.nan, *row[1:]]]}).encode(), _JSON)
    wrong = {"Authorization": f"Bearer {server.place.credentials.key[:-1]}"}
    return {
        "a request without a key is refused": server.ask(right, {}).status == http.HTTPStatus.UNAUTHORIZED,
        "a wrong key is refused": server.ask(right, wrong).status == http.HTTPStatus.UNAUTHORIZED,
        "rows of different lengths are refused": _refused(server, ragged),
        "NaN is refused": _refused(server, infinite),
        "a body above the limit is refused": _too_long(server),
        "requests are counted": b"arrivals_total" in server.get("/metrics", port_offset=_METRICS_OFFSET).body,
    }


def _refused(server: Server, request: Request) -> bool:
    return server.ask(request).status in (http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.UNPROCESSABLE_ENTITY)


def _too_long(server: Server) -> bool:
    """Send a body that is longer than any limit, for as long as the server takes it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.place.port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest("POST", server.path)
        for name, value in {**_JSON, **server.credentials, "Content-Length": str(_TOO_LONG)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(OSError):  # a server that refuses need not read on
            for _ in range(_TOO_LONG >> 16):
                connection.send(bytes(1 << 16))
        try:
            return connection.getresponse().status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except (OSError, http.client.HTTPException):
            return False
