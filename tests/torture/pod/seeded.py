"""The seeded faults. One more is one more entry; an old text that is not in the code is an error."""

from __future__ import annotations

from tests.torture.pod import seeded_access, seeded_insight, seeded_load
from tests.torture.pod.faults import Fault

_UNIT, _SERVING = "tests/unit/serving", "tests/serving"
_LIFE, _PARTS, _GATE = f"{_SERVING}/test_life.py", f"{_UNIT}/test_parts.py", f"{_UNIT}/test_gate.py"
_BOUNDS, _LIMITS, _HTTP = (
    f"{_SERVING}/test_bounds.py",
    f"{_SERVING}/test_limits.py",
    f"{_SERVING}/test_http.py",
)
_METRICS, _START, _PREDICT = (
    f"{_SERVING}/test_metrics.py",
    f"{_SERVING}/test_start.py",
    f"{_SERVING}/test_predict.py",
)
_VALIDATION, _ARTEFACT = f"{_UNIT}/test_validation.py", f"{_UNIT}/test_artefact.py"
_TRACING, _JOURNAL = f"{_UNIT}/test_tracing.py", f"{_UNIT}/test_journal.py"
_LANE, _UNPACK = f"{_UNIT}/test_lane.py", f"{_UNIT}/test_unpack.py"

DRAIN = (
    Fault(
        "drain-in-silence",
        "answers during a drain close their connection",
        "life.py",
        "        self.draining = True\n",
        "        self.draining = False\n",
        (_LIFE,),
    ),
    Fault(
        "drain-too-short",
        "a drain lasts until no request came for a second",
        "life.py",
        " and now - self._last_arrival >= QUIET_SECONDS",
        "",
        (_PARTS,),
    ),
    Fault(
        "drain-without-end",
        "a load that never stops cannot keep a pod",
        "life.py",
        "2 * seconds",
        "200 * seconds",
        (_PARTS,),
    ),
    Fault(
        "unready-while-draining",
        "readiness stays during a drain",
        "life.py",
        "        if self.ready:\n",
        "        if self.ready and not self.draining:\n",
        (_PARTS,),
    ),
    Fault(
        "deaf-to-the-second-signal",
        "a second SIGTERM ends the wait",
        "signals.py",
        "        if self.stop.is_set():\n            self.hurry.set()\n",
        "",
        (_LIFE,),
    ),
    Fault(
        "dropped-in-flight",
        "what is in flight when the port closes is finished",
        "http/connection.py",
        "if not self._turns and self._reading is None and not self._in_head:\n",
        "if not self._closing:\n",
        (_LIFE,),
    ),
    Fault(
        "grpc-outlives-its-drain",
        "no gRPC call is lost with a pod's last connections",
        "rpc/server.py",
        "settings.drain_seconds / 2 / _SPREAD",
        "settings.drain_seconds",
        (f"{_SERVING}/test_rpc_life.py::test_no_call_is_lost_when_a_pod_goes",),
    ),
)

MODEL = (
    Fault(
        "golden-rows-unread",
        "a pod with a wrong golden answer does not serve",
        "golden.py",
        "    if wrong:\n",
        "    if wrong and False:\n",
        (_START,),
    ),
    Fault(
        "artefact-unverified",
        "a changed artefact is not loaded",
        "artefact.py",
        "    if found != expected:\n",
        "    if found == '':\n",
        (_ARTEFACT,),
    ),
    Fault(
        "artefact-with-guests",
        "files that the manifest does not list are refused",
        "artefact.py",
        "sorted(found - _FOREIGN - _BESIDE - {*manifest.files, MANIFEST})",
        "sorted(found - found)",
        (_ARTEFACT,),
    ),
    Fault(
        "threads-unbounded",
        "numerical libraries take no more threads than the quota has cores",
        "threads.py",
        "environment.setdefault(variable, str(threads))",
        "environment.setdefault(variable, '64')",
        (_PARTS,),
    ),
)

VALIDATION = (
    Fault(
        "key-twice",
        "an object that names a key twice is refused",
        "decoding.py",
        "        _slowly(body)\n    return document\n\n\ndef parse",
        "        pass\n    return document\n\n\ndef parse",
        (f"{_UNIT}/test_decoding.py", _PREDICT),
    ),
    Fault(
        "not-finite",
        "a number beyond float64 is refused",
        "numeric.py",
        "if math.isfinite(sum(row)):",
        "if sum(row) is not None:",
        (_VALIDATION, _PREDICT),
    ),
    Fault(
        "rows-without-limit",
        "the number of rows is bounded",
        "validation.py",
        "        if not 1 <= rows <= self._most_rows:\n",
        "        if rows < 1:\n",
        (_VALIDATION, _PREDICT),
    ),
    Fault(
        "extra-fields",
        "a field that the schema does not know is refused",
        "validation.py",
        "        if extra:\n",
        "        if extra > 10:\n",
        (_VALIDATION,),
    ),
    Fault(
        "any-content-type",
        "only JSON in UTF-8 is read",
        "decoding.py",
        "    if found != _MEDIA_TYPE and not _WITH_CHARSET.fullmatch(found):\n",
        "    if found == b'x':\n",
        (_PREDICT,),
    ),
)

LIMITS = (
    Fault(
        "body-without-limit",
        "a body is bounded, whatever its headers say",
        "http/connection.py",
        "        elif turn.size <= most:\n",
        "        elif turn.size >= 0:\n",
        (_BOUNDS,),
    ),
    Fault(
        "length-believed-late",
        "a length beyond the limit is refused before its body",
        "http/connection.py",
        "int(declared) > desk.bounds.body_bytes",
        "int(declared) > (1 << 62)",
        (_BOUNDS,),
    ),
    Fault(
        "bombs",
        "an unpacked body is bounded",
        "unpack.py",
        "part = member.decompress(body, left)",
        "part = member.decompress(body)",
        (_UNPACK,),
    ),
    Fault(
        "heads-without-limit",
        "the head of a request is bounded",
        "http/connection.py",
        "HEAD_BYTES = 32_768",
        "HEAD_BYTES = 1 << 40",
        (_LIMITS,),
    ),
    Fault(
        "slow-heads",
        "half a head is ended",
        "http/connection.py",
        "            if waited > bounds.header_seconds:\n",
        "            if waited > 1e9:\n",
        (_LIMITS,),
    ),
    Fault(
        "slow-bodies",
        "a body that does not arrive in time is answered with 408",
        "http/connection.py",
        "            if waited > bounds.body_seconds or self._drips(waited):\n",
        "            if self._drips(waited):\n",
        (_BOUNDS,),
    ),
    Fault(
        "connections-without-limit",
        "the number of connections is bounded",
        "http/connection.py",
        "len(self.connections) > self.desk.bounds.connections",
        "len(self.connections) < 0",
        (_LIMITS,),
    ),
    Fault(
        "connections-for-ever",
        "a connection ends after its requests",
        "http/order.py",
        "            or self._requests >= desk.bounds.age_requests\n",
        "",
        (_BOUNDS,),
    ),
    Fault(
        "predictions-without-limit",
        "the number of predictions at once is bounded",
        "gate.py",
        "self.in_progress >= limits.in_progress or ",
        "",
        (_GATE,),
    ),
    Fault(
        "refused-too-late",
        "what cannot be answered in time is refused early",
        "gate.py",
        " or wait > PATIENCE_RATIO * limits.seconds",
        "",
        (_GATE,),
    ),
    Fault(
        "rate-unlimited",
        "a caller has a rate",
        "rate.py",
        "        if early > 0:\n",
        "        if early > 1e9:\n",
        (_GATE, _LIMITS),
    ),
    Fault(
        "work-for-nobody",
        "the work of a client that went away is dropped",
        "lane.py",
        "            if ticket.cancelled:\n                continue\n",
        "",
        (_LANE,),
    ),
)

HTTP = (
    Fault(
        "out-of-order",
        "answers leave in the order of requests",
        "http/order.py",
        "        if not turns or turns[0] is not turn:\n            return\n",
        "        if turns and turns[0] is not turn:\n            turns.remove(turn)\n"
        "            self._write(turn, answer)\n            return\n",
        (f"{_HTTP}::test_answers_come_in_the_order_of_requests", _BOUNDS),
    ),
    Fault(
        "unread-answers",
        "a client that does not read its answers is not read on",
        "http/order.py",
        "len(self._turns) >= MOST_TURNS or self.flow.write_paused",
        "False",
        (f"{_HTTP}::test_a_client_that_does_not_read_costs_no_memory",),
    ),
    Fault(
        "two-hosts",
        "fields that must come once are refused twice",
        "http/fields.py",
        "        if any(names.count(name) > 1 for name in _ONCE):\n",
        "        if not names:\n",
        (f"{_HTTP}::test_one_host",),
    ),
)

METRICS = (
    Fault(
        "paths-as-labels",
        "no path that a caller makes up becomes a series",
        "http/connection.py",
        "UNMATCHED if endpoint is None else endpoint.template",
        "path or UNMATCHED",
        (_METRICS,),
    ),
    Fault(
        "methods-as-labels",
        "no method that a caller makes up becomes a series",
        "instruments.py",
        "key = (route, method if method in _METHODS else OTHER)",
        "key = (route, method)",
        (f"{_UNIT}/test_instruments.py",),
    ),
    Fault(
        "arrivals-uncounted",
        "arrivals are counted at receipt",
        "counters.py",
        "        self.arrivals += 1\n",
        "        self.arrivals += 0\n",
        (_METRICS,),
    ),
    Fault(
        "decided-twice",
        "each request has one decision of access control",
        "instruments.py",
        """, "allowed": self._access["allowed"] - self._access["rate"]}""",
        "}",
        (f"{_LIMITS}::test_callers_have_a_rate",),
    ),
    Fault(
        "log-unbounded",
        "the log's lines about successes are bounded",
        "journal.py",
        "self._within(self._sampled) if self._random() < self._ratio else 0",
        "LOG if self._random() < self._ratio else 0",
        (_JOURNAL,),
    ),
    Fault(
        "errors-share-the-bound",
        "successes take no line from the errors",
        "journal.py",
        "self._within(self._refused if status < _SERVER_ERROR else self._failed)",
        "self._within(self._sampled)",
        (_JOURNAL,),
    ),
    Fault(
        "spans-of-probes",
        "probes have no spans",
        "spans.py",
        "        if ended.route in PROBES:\n",
        "        if not ended.route:\n",
        (_TRACING,),
    ),
    Fault(
        "spans-of-their-own",
        "a span goes on with the caller's trace",
        "spans.py",
        "name, _parent(ended.trace), SpanKind",
        "name, None, SpanKind",
        (f"{_SERVING}/test_traces.py",),
    ),
    Fault(
        "spans-lost-at-the-end",
        "the spans of a pod's last moment are sent",
        "spans.py",
        "        self._provider.shutdown()\n",
        "        self._provider.get_tracer(__name__)\n",
        (f"{_SERVING}/test_traces.py",),
    ),
    Fault(
        "room-never-given-back",
        "predictions in progress go back to 0",
        "gate.py",
        "            gate.in_progress -= 1\n",
        "            gate.in_progress -= 0\n",
        (_GATE,),
    ),
)

FAULTS: tuple[Fault, ...] = (
    *DRAIN,
    *MODEL,
    *VALIDATION,
    *LIMITS,
    *HTTP,
    *seeded_load.FAULTS,
    *seeded_access.FAULTS,
    *METRICS,
    *seeded_insight.FAULTS,
)
