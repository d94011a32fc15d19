"""A key and a token that the product is asked with, and the files that it knows them by.

Written from the documented forms of `keys.json` and `policy.json`, not with the product's own code.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Credential = Literal["none", "key", "token"]
_ISSUER, _AUDIENCE, _SUBJECT, _KEY_ID = "https://issuer.example", "bench", "system:bench", "bench"
_HOURS = 48  # longer than any run
_GROUPS = ["predict", "metadata"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers bring.

    Attributes:
        folder: For `EKIBEN_ACCESS_DIR`.
        key: An API key.
        token: A JSON web token, RS256.
    """

    folder: Path
    key: str
    token: str

    def headers(self, credential: Credential) -> Mapping[str, str]:
        """Give the headers that carry one of them."""
        if credential == "none":
            return {}
        return {"Authorization": f"Bearer {self.key if credential == 'key' else self.token}"}


def make(folder: Path) -> Credentials:
    """Make both, and the files.

    Args:
        folder: Is made.
    """
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    folder.mkdir()
    key = f"ekiben_{_KEY_ID}_{secrets.token_hex(32)}"
    record = {
        "id": _KEY_ID,
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "groups": _GROUPS,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "not_before": None,
        "expires": None,
    }
    signer = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    public = {**RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True), "kid": _KEY_ID, "alg": "RS256"}
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": _SUBJECT, "iat": now, "nbf": now}
    token = jwt.encode(
        {**claims, "exp": now + _HOURS * 3600}, signer, algorithm="RS256", headers={"kid": _KEY_ID}
    )
    issuer = {
        "issuer": _ISSUER,
        "audiences": [_AUDIENCE],
        "allow": [{"subjects": [_SUBJECT], "groups": _GROUPS}],
        "jwks_file": "jwks-0.json",
    }
    _write(folder / "keys.json", {"format": 1, "keys": [record]})
    _write(folder / "policy.json", {"format": 1, "issuers": [issuer]})
    _write(folder / "jwks-0.json", {"keys": [public]})
    return Credentials(folder, key, token)


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")
