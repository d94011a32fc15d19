"""What the product is asked with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import jwt
from benchmarks import credentials


def test_the_key_is_stored_as_its_hash_only(tmp_path: Path) -> None:
    """`keys.json` knows the key by SHA-256; its text stands in no file."""
    made = credentials.make(tmp_path / "access")
    (record,) = json.loads((made.folder / "keys.json").read_text())["keys"]
    assert record["sha256"] == hashlib.sha256(made.key.encode()).hexdigest()
    assert not any(made.key in path.read_text() for path in made.folder.iterdir())
    assert made.headers("key") == {"Authorization": f"Bearer {made.key}"}
    assert made.headers("none") == {}


def test_the_token_verifies_with_the_published_keys(tmp_path: Path) -> None:
    """PyJWT accepts it with the key set, issuer and audience that the policy names."""
    made = credentials.make(tmp_path / "access")
    (issuer,) = json.loads((made.folder / "policy.json").read_text())["issuers"]
    keys = jwt.PyJWKSet.from_json((made.folder / issuer["jwks_file"]).read_text())
    found = jwt.decode(
        made.token,
        keys[jwt.get_unverified_header(made.token)["kid"]],
        algorithms=["RS256"],
        audience=issuer["audiences"],
        issuer=issuer["issuer"],
    )
    assert found["sub"] in issuer["allow"][0]["subjects"]
