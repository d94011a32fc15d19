"""What the pod of a load test is told: target and load as JSON, the credential apart from them.

The bodies go as base64, since a body may be any bytes; the headers, which may carry a key, are a document
of their own, for a Secret.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget

# Names of the files as the pod finds them.
FILE, AUTHORITY = "load.json", "ca.pem"
# Headers are the Secret's; a file of certificates is a file of this machine, its content travels beside.
_APART = ("bodies", "checks", "headers", "ca_file")


@dataclass(frozen=True, slots=True)
class Description:
    """A load test, whole.

    Attributes:
        target: What is sent, where to, and the right answers.
        load: How much, when.
        seed: Of send times and connection ages.
        senders: Processes that share the send times.
    """

    target: LoadTarget
    load: Load
    seed: int = 0
    senders: int = 1


def write(description: Description) -> str:
    """Write a description as JSON, without the headers and without the file of certificates."""
    target = description.target
    plain = {
        field.name: getattr(target, field.name)
        for field in dataclasses.fields(target)
        if field.name not in _APART
    }
    return json.dumps(
        {
            "target": {
                **plain,
                "bodies": [base64.b64encode(body).decode() for body in target.bodies],
                "checks": [_check(one) for one in target.checks],
            },
            "load": dataclasses.asdict(description.load),
            "seed": description.seed,
            "senders": description.senders,
        },
        allow_nan=False,
    )


def headers(description: Description) -> str:
    """Write the headers as JSON, for a Secret; empty if there are none."""
    found = dict(description.target.headers)
    return json.dumps(found) if found else ""


def read(text: str, headers: str = "", ca_file: str = "") -> Description:
    """Read what `write` and `headers` wrote.

    Args:
        text: The description.
        headers: The headers; empty if there are none.
        ca_file: Where the certificates are now; empty if there are none.

    Raises:
        ConfigError: One of them has another form; never repeats the headers.
    """
    try:
        document = json.loads(text)
        target = dict(document["target"])
        bodies = tuple(base64.b64decode(body) for body in target.pop("bodies"))
        checks = tuple(_checked(one) for one in target.pop("checks"))
        load = document["load"]
        segments = tuple(Segment(**one) for one in load["segments"])
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in target.items()
        }
        return Description(
            LoadTarget(
                **plain,
                bodies=bodies,
                checks=checks,
                headers=json.loads(headers) if headers else {},
                ca_file=ca_file,
            ),
            Load(segments, load["arrivals"]),
            int(document["seed"]),
            int(document["senders"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"expected the description of a load, found another form: {type(error).__name__}"
        ) from None


def _check(one: Expected) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in dataclasses.fields(one) if field.init}


def _checked(document: dict[str, Any]) -> Expected:
    found = document["probabilities"]
    changed = {
        "predictions": tuple(document["predictions"]),
        "probabilities": None if found is None else tuple(tuple(row) for row in found),
    }
    return Expected(**{**document, **changed})
