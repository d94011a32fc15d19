"""The product's counters beside the count of a client that knows exactly what it sent.

wrk does not: it leaves with requests under way.
"""

from __future__ import annotations

import http.client
import json
import re
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from benchmarks.arms import PRODUCT
from benchmarks.models import Model
from benchmarks.place import HOST
from benchmarks.servers import Server
from benchmarks.session import Session
from ekiben.errors import EkibenError
from ekiben.serving.metrics import ARRIVALS, PREDICTIONS, REQUEST_DURATION, ROUTE, STATUS

EXPERIMENT = "counters"
_CONNECTIONS = 16
_METRICS_OFFSET = 2
_EACH = 2_000  # requests of each connection
_QUICK_EACH = 200
_ROWS = 2  # in each right request


def run(session: Session, model: Model) -> None:
    """Send a known number of requests, right and wrong, and compare."""
    about = {"arm": PRODUCT.name, "model": model.name, "connections": _CONNECTIONS}
    if session.is_done(experiment=EXPERIMENT, **about):
        return
    each = _QUICK_EACH if session.settings.quick else _EACH
    try:
        with session.server(PRODUCT, model) as server:
            server.wait_ready()
            before = scraped(_metrics(server), server.path)
            client = _sent(server, each)
            after = scraped(_metrics(server), server.path)
    except EkibenError as error:
        session.record(EXPERIMENT, **about, **session.failed(error))
        return
    counted = {name: after[name] - before.get(name, 0) for name in after}
    session.record(EXPERIMENT, **about, client=client, server={n: c for n, c in counted.items() if c})


def scraped(text: str, route: str) -> dict[str, int]:
    """Read the counters of a route from a scrape.

    Args:
        text: Prometheus' text format.
        route: The route's template.

    Returns:
        `arrivals`, `rows`, and one count per status.
    """
    found: Counter[str] = Counter()
    for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)", text, re.MULTILINE):
        told = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if name == PREDICTIONS.name:
            found["rows"] += int(float(value))
        elif told.get(ROUTE) != route:
            continue
        elif name == ARRIVALS.name:
            found["arrivals"] += int(float(value))
        elif name == f"{REQUEST_DURATION.name}_count":
            found[told[STATUS]] += int(float(value))
    return dict(found)


def _metrics(server: Server) -> str:
    return server.get("/metrics", port_offset=_METRICS_OFFSET).body.decode()


def _sent(server: Server, each: int) -> Mapping[str, int]:
    """Count answers by status; every tenth request is wrong."""
    rows = server.place.model.features[:_ROWS].tolist()
    right = json.dumps({"instances": rows}).encode()
    wrong = json.dumps({"instances": [rows[0][:-1]]}).encode()
    total: Counter[str] = Counter()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        futures = [pool.submit(_connection, server, right, wrong, each) for _ in range(_CONNECTIONS)]
        for future in futures:
            total += future.result()
    total["arrivals"] = _CONNECTIONS * each
    total["rows"] = _ROWS * total["200"]
    return dict(total)


def _connection(server: Server, right: bytes, wrong: bytes, each: int) -> Counter[str]:
    found: Counter[str] = Counter()
    headers = {"Content-Type": "application/json", **server.credentials}
    connection = http.client.HTTPConnection(HOST, server.place.port, timeout=30)
    try:
        for number in range(each):
            connection.request("POST", server.path, wrong if number % 10 == 0 else right, headers)
            answer = connection.getresponse()
            answer.read()
            found[str(answer.status)] += 1
    except (OSError, http.client.HTTPException) as error:
        raise server.failure(f"gave no answer: {error!r}") from error
    finally:
        connection.close()
    return found
