"""What a pod demands of an artefact before it reads it; chart values set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ekiben.errors import ConfigError
from ekiben.serving.seal.signature import Signer

_ALLOWED = {"": False, "false": False, "true": True}


@dataclass(frozen=True, slots=True)
class Policy:
    """What is demanded.

    Attributes:
        signers: `EKIBEN_SIGNERS`, public keys (base64, comma-separated): one of them must have signed; none
            asks for no signature.
        pickle: `EKIBEN_ALLOW_PICKLE`, `true` or `false`: whether a signed artefact may be unpickled.
        keys: `EKIBEN_SEAL_KEYS`, folder with one decryption key per file; None if there is none.
    """

    signers: tuple[Signer, ...] = ()
    pickle: bool = False
    keys: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the policy.

        Raises:
            ConfigError: A key is none, a word is unknown, or pickles are allowed without signers.
        """
        listed = environment.get("EKIBEN_SIGNERS") or ""
        signers = tuple(Signer.parse(text.strip()) for text in listed.split(",")) if listed.strip() else ()
        word = environment.get("EKIBEN_ALLOW_PICKLE") or ""
        if word not in _ALLOWED:
            raise ConfigError(f"expected EKIBEN_ALLOW_PICKLE as true or false, found {word!r}")
        if _ALLOWED[word] and not signers:
            raise ConfigError(
                "expected EKIBEN_SIGNERS beside EKIBEN_ALLOW_PICKLE: a pickle runs what its writer wants",
                remedy="set seal.signers in the chart's values, or do not allow pickles",
            )
        keys = environment.get("EKIBEN_SEAL_KEYS")
        return cls(signers, _ALLOWED[word], Path(keys) if keys else None)


OPEN = Policy()
