"""Seeded faults of what knows callers, and of what is counted and told of requests."""

from __future__ import annotations

from tests.torture.pod.faults import Fault

_UNIT = "tests/unit/serving"
_SERVING = "tests/serving"
_GATE = f"{_UNIT}/test_gate.py"
_LIMITS = f"{_SERVING}/test_limits.py"
_METRICS = f"{_SERVING}/test_metrics.py"
_MATRIX = f"{_UNIT}/access/test_matrix.py"
_DOOR = f"{_UNIT}/access/test_door.py"
_ADDRESSES = f"{_UNIT}/access/test_addresses.py"
_TRACING = f"{_UNIT}/test_tracing.py"
_JOURNAL = f"{_UNIT}/test_journal.py"

ACCESS = (
    Fault(
        "audience-unchecked",
        "a token for somebody else is refused",
        "access/tokens.py",
        "            audience=issuer.audiences,\n            options=_OPTIONS,\n",
        '            options={**_OPTIONS, "verify_aud": False},\n',
        (_MATRIX,),
    ),
    Fault(
        "issuer-unchecked",
        "a token of another issuer is refused",
        "access/tokens.py",
        "            issuer=issuer.name,\n",
        "",
        (_MATRIX,),
    ),
    Fault(
        "any-algorithm",
        "only the algorithms of the policy are taken",
        "access/tokens.py",
        "                if place[1] in issuer.algorithms:\n",
        "                if place:\n",
        (_MATRIX,),
    ),
    Fault(
        "crit-ignored",
        "a token that insists on something is refused",
        "access/tokens.py",
        '        if "crit" in header:\n',
        '        if "crit" not in "crit":\n',
        (_MATRIX,),
    ),
    Fault(
        "expired",
        "expired keys and tokens are refused",
        "access/door.py",
        "        if not self._clock.within(grant.begins, grant.ends):\n",
        "        if grant.begins == grant.ends:\n",
        (_MATRIX,),
    ),
    Fault(
        "every-group",
        "a caller may call its groups and no others",
        "access/door.py",
        "        if group not in grant.caller.groups:\n",
        "        if not group:\n",
        (_MATRIX,),
    ),
    Fault(
        "never-read-again",
        "changed keys are taken while the pod serves",
        "access/door.py",
        "        if self._key_file.refresh():\n",
        "        if not self._key_file:\n",
        (_DOOR,),
    ),
)

ISSUERS = (
    Fault(
        "any-key-without-id",
        "a token without key id is verified where one key is meant",
        "access/jwks.py",
        "    if len(usable) == 1:\n",
        "    if usable:\n",
        (_DOOR,),
    ),
    Fault(
        "no-key-without-id",
        "the only key of a set needs no key id",
        "access/jwks.py",
        "    if len(usable) == 1:\n",
        "    if not usable:\n",
        (_DOOR,),
    ),
    Fault(
        "start-waits-for-issuers",
        "a start waits for no issuer",
        "access/watched.py",
        "        self._fetched = self.tried = False\n        self.content = absent\n",
        "        self._fetched = self.tried = False\n        self.content = absent\n        self._ask()\n",
        (_ADDRESSES,),
    ),
    Fault(
        "no-back-off",
        "an issuer that is away is asked less and less often",
        "access/watched.py",
        "min(2 * self._wait, AGAIN_SECONDS)",
        "self._wait",
        (_ADDRESSES,),
    ),
    Fault(
        "refused-too-early",
        "who may be right while keys are fetched is told to come back",
        "access/tokens.py",
        "            if self._coming():\n",
        "            if not place:\n",
        (_ADDRESSES,),
    ),
    Fault(
        "kept-waiting",
        "after a failed fetch tokens are refused, not kept waiting",
        "access/door.py",
        "isinstance(found, WatchedAddress) and not found.tried",
        "isinstance(found, WatchedAddress) and not found.content",
        (_ADDRESSES,),
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
        "http/connection.py",
        "_METHODS.get(parser.get_method(), OTHER)",
        "parser.get_method().decode()",
        (_METRICS,),
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
