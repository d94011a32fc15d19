"""The seeded faults. One more is one more entry; an old text that is not in the code is an error, no skip."""

from __future__ import annotations

from tests.torture.pod.faults import Fault

_UNIT, _SERVING = "tests/unit/serving", "tests/serving"
_LIFE, _PARTS = f"{_SERVING}/test_life.py", f"{_UNIT}/test_parts.py"
_VALIDATION, _METRICS = f"{_UNIT}/test_validation.py", f"{_SERVING}/test_metrics.py"
_BOUNDS, _START, _PREDICT = (f"{_SERVING}/test_{name}.py" for name in ("bounds", "start", "predict"))
_LIMITS, _HTTP = f"{_SERVING}/test_limits.py", f"{_SERVING}/test_http.py"
_GATE, _LANE, _UNPACK = (f"{_UNIT}/test_{name}.py" for name in ("gate", "lane", "unpack"))
_ARTEFACT, _DECODING = f"{_UNIT}/test_artefact.py", f"{_UNIT}/test_decoding.py"
_MATRIX = f"{_UNIT}/access"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "drain-in-silence", "answers during a drain close their connection",
        "life.py", "        self.draining = True\n", "        self.draining = False\n", (_LIFE,),
    ),
    Fault(
        "drain-too-short", "a drain lasts until no request came for a second",
        "life.py", " and now - self._last_arrival >= QUIET_SECONDS", "", (_PARTS,),
    ),
    Fault(
        "drain-without-end", "a load that never stops cannot keep a pod",
        "life.py", "2 * seconds", "200 * seconds", (_PARTS,),
    ),
    Fault(
        "unready-while-draining", "readiness stays during a drain",
        "life.py", "        if self.ready:\n", "        if self.ready and not self.draining:\n", (_PARTS,),
    ),
    Fault(
        "deaf-to-the-second-signal", "a second SIGTERM ends the wait",
        "signals.py", "        if self.stop.is_set():\n            self.hurry.set()\n", "", (_LIFE,),
    ),
    Fault(
        "golden-rows-unread", "a pod with a wrong golden answer does not serve",
        "golden.py", "    if wrong:\n", "    if wrong and False:\n", (_START,),
    ),
    Fault(
        "artefact-unverified", "a changed artefact is not loaded",
        "artefact.py", "    if digest != expected:\n", "    if digest == '':\n", (_ARTEFACT,),
    ),
    Fault(
        "artefact-with-guests", "files that the manifest does not list are refused",
        "artefact.py", "sorted(found - {*listed, MANIFEST})", "sorted(found - found)", (_ARTEFACT,),
    ),
    Fault(
        "key-twice", "an object that names a key twice is refused",
        "decoding.py", "    if len(found) != len(pairs):\n", "    if len(found) < 0:\n", (_DECODING,),
    ),
    Fault(
        "not-finite", "a number that is not finite is refused",
        "numeric.py", "math.isfinite(sum(row))", "True", (_VALIDATION,),
    ),
    Fault(
        "rows-without-limit", "the number of rows is bounded",
        "validation.py", "if not 1 <= rows <= self._most_rows:", "if rows < 1:", (_VALIDATION,),
    ),
    Fault(
        "any-content-type", "only JSON in UTF-8 is read",
        "decoding.py", "if found != _MEDIA_TYPE and not _WITH_CHARSET.fullmatch(found):", "if not headers:",
        (_PREDICT,),
    ),
    Fault(
        "body-without-limit", "a body is bounded, whatever its head says",
        "http/connection.py", "        elif turn.size <= most:\n", "        elif turn.size:\n", (_BOUNDS,),
    ),
    Fault(
        "declared-without-limit", "a body that is announced too long is refused before it comes",
        "http/connection.py", "int(declared) > desk.bounds.body_bytes", "int(declared) < 0", (_BOUNDS,),
    ),
    Fault(
        "head-without-limit", "the head of a request is bounded",
        "http/connection.py", "HEAD_BYTES = 32_768", "HEAD_BYTES = 32_768_000", (_LIMITS,),
    ),
    Fault(
        "slow-heads", "half a head does not hold a connection",
        "http/connection.py", "if waited > bounds.header_seconds:", "if waited < 0:", (_LIMITS,),
    ),
    Fault(
        "slow-bodies", "a body that does not arrive in time is answered with 408",
        "http/connection.py",
        "        elif self._reading is not None:\n            if waited > bounds.body_seconds:",
        "        elif self._reading is not None:\n            if waited < 0:", (_BOUNDS,),
    ),
    Fault(
        "connections-without-limit", "the number of connections is bounded",
        "http/connection.py", "len(self.connections) > self.desk.bounds.connections", "False", (_LIMITS,),
    ),
    Fault(
        "connections-for-ever", "a connection ends after its requests",
        "http/order.py", "or self._requests >= self.desk.bounds.age_requests", "", (_BOUNDS,),
    ),
    Fault(
        "answers-out-of-order", "answers leave in the order of the requests",
        "http/order.py",
        "        if self._turns and self._turns[0] is turn:\n", "        if self._turns:\n", (_HTTP,),
    ),
    Fault(
        "bodies-of-upgrades", "a request that offers an upgrade keeps its body",
        "http/connection.py", "self.data_received(head + rest)", "self.data_received(head)", (_HTTP,),
    ),
    Fault(
        "any-host", "a head that two readers could understand differently is refused",
        "http/fields.py", "any(names.count(name) > 1 for name in _ONCE)", "False", (_HTTP,),
    ),
    Fault(
        "bombs", "a compressed body is unpacked up to the limit and no further",
        "unpack.py", "    if len(unpacked) > most_bytes:\n", "    if len(unpacked) < 0:\n", (_UNPACK,),
    ),
    Fault(
        "room-never-given-back", "a prediction that ended makes room for another",
        "gate.py", "            gate.in_progress -= 1\n", "            pass\n", (_GATE,),
    ),
    Fault(
        "rate-unlimited", "a caller has its rate",
        "gate.py", "            if early > 0:\n", "            if early > 1e9:\n", (_GATE,),
    ),
    Fault(
        "forbidden-groups", "a known caller calls what it may, and nothing else",
        "access/door.py",
        "        if group not in grant.caller.groups:\n", "        if not grant.caller.groups:\n",
        (_MATRIX,),
    ),
    Fault(
        "expired-keys", "a credential ends when it should",
        "access/door.py", "        if not self._clock.within(grant.begins, grant.ends):\n",
        "        if not self._clock.within(grant.begins, grant.ends + 1e12):\n", (_MATRIX,),
    ),
    Fault(
        "any-audience", "a token for another audience is refused",
        "access/tokens.py", "            options=_OPTIONS,\n",
        '            options={**_OPTIONS, "verify_aud": False},\n', (_MATRIX,),
    ),
    Fault(
        "gone-but-worked-on", "work that nobody waits for is dropped",
        "lane.py", "            if ticket.cancelled:\n                continue\n", "", (_LANE,),
    ),
    Fault(
        "late-but-worked-on", "after its deadline a request is not worked on",
        "lane.py",
        "            if ticket.deadline < now:\n", "            if ticket.deadline < 0:\n", (_LANE,),
    ),
    Fault(
        "batches-that-fail-together", "one bad request does not spoil its neighbours",
        "ticket.py",
        "        if len(tickets) > 1:\n            return [done for",
        "        if not tickets:\n            return [done for",
        (_LANE,),
    ),
    Fault(
        "paths-as-labels", "no path that a caller makes up becomes a series",
        "http/connection.py",
        "UNMATCHED if endpoint is None else endpoint.template", "path or endpoint.template",
        (_METRICS,),
    ),
    Fault(
        "methods-as-labels", "no method that a caller makes up becomes a series",
        "instruments.py",
        "method if method in _METHODS else OTHER", "method", (f"{_UNIT}/test_instruments.py",),
    ),
    Fault(
        "arrivals-uncounted", "arrivals are counted at receipt",
        "counters.py", "        self.arrivals += 1\n", "        pass\n", (_METRICS,),
    ),
    Fault(
        "threads-unbounded", "numerical libraries take no more threads than the quota has cores",
        "threads.py", "environment.setdefault(variable, str(threads))",
        "environment.setdefault(variable, '64')", (_PARTS,),
    ),
)  # fmt: skip
