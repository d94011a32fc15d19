"""W3C trace context: which trace a request belongs to, and whether a span of it is wanted.

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from ekiben.errors import ConfigError

# Version ff is forbidden, as are ids of zeros only; a later version than 00 may have more behind a dash.
_PARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?"
)
_SAMPLED = 0x01
_SAMPLERS = {  # whether the caller's decision counts, and the share of the rest; None: the argument says
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}


class Trace(NamedTuple):
    """The caller's place in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits.
        parent_id: 16 hexadecimal digits, the caller's span.
        sampled: Whether the caller records it.
    """

    trace_id: str
    parent_id: str
    sampled: bool


def parse(traceparent: bytes | None) -> Trace | None:
    """Read a `traceparent` header; None if there is none, or it is not exactly as the standard says."""
    if traceparent is None:
        return None
    found = _PARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if more is not None and version == b"00":
        return None
    return Trace(trace_id.decode(), parent_id.decode(), bool(int(flags, 16) & _SAMPLED))


@dataclass(frozen=True, slots=True)
class Sampler:
    """Which requests get a span, as OpenTelemetry's variables say.

    Attributes:
        of_parent: Whether the caller's decision counts.
        ratio: Share of the requests without such a decision, 0-1.

    Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
    """

    of_parent: bool = True
    ratio: float = 1.0

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

        Raises:
            ConfigError: A sampler that we do not know, or a share that is none.
        """
        name = environment.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
        if name not in _SAMPLERS:
            known = ", ".join(_SAMPLERS)
            raise ConfigError(f"expected OTEL_TRACES_SAMPLER as one of {known}; found {name!r}")
        of_parent, ratio = _SAMPLERS[name]
        return cls(of_parent, _ratio(environment) if ratio is None else ratio)

    def wants(self, trace: Trace | None) -> bool:
        """Decide about one request."""
        if trace is not None:
            if self.of_parent:
                return trace.sampled
            return int(trace.trace_id[16:], 16) < self.ratio * 2**64  # the same answer in every service
        return random.random() < self.ratio  # noqa: S311 - a sample, no secret


def _ratio(environment: Mapping[str, str]) -> float:
    text = environment.get("OTEL_TRACES_SAMPLER_ARG") or "1"
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1
    if not 0 <= ratio <= 1:
        raise ConfigError(f"expected OTEL_TRACES_SAMPLER_ARG between 0 and 1, found {text!r}")
    return ratio
