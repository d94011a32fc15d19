"""Signing, checking, encrypting: what a pod takes and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ekiben import config
from ekiben.artefact import store
from ekiben.artefact.seal import check, encrypt, keys, sign
from ekiben.errors import ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving.seal.policy import Policy
from ekiben.serving.seal.signature import Signer

ARTEFACT = Path(__file__).parents[2] / "serving" / "artefacts" / "format-2"


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return keys.create_pair(tmp_path / "key")


@pytest.fixture
def signed(tmp_path: Path, signer: Signer) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(ARTEFACT, folder)
    content = sign.bundle_for(folder, tmp_path / "key", [signer])
    assert content is not None
    (folder / "signature.json").write_bytes(content)
    return folder


def encrypted(folder: Path, to: Path, key: encrypt.LiveKey) -> Path:
    to.mkdir()
    for name, content in encrypt.carried(reader.read(folder), key):
        (to / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    return to


def test_keys_are_for_their_owner_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Mode 0600 whatever the umask is, never overwritten, nothing of them printed or logged."""
    before = os.umask(0o777)
    try:
        signer = keys.create_pair(tmp_path / "key")
        keys.create_secret(tmp_path / "secret")
    finally:
        os.umask(before)
    for name, mode in (("key", 0o600), ("secret", 0o600), ("key.pub", 0o644)):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
        with pytest.raises(ConfigError, match="never overwritten"):
            keys.create_pair(tmp_path / "key") if name != "secret" else keys.create_secret(tmp_path / name)
    assert keys.signer(tmp_path / "key.pub") == signer
    assert len(keys.encryption_key(tmp_path / "secret")) == 32
    assert capfd.readouterr() == ("", "")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(ConfigError, match="its owner alone can read, found mode 0640"):
        keys.signing_key(tmp_path / "key")


def test_the_signature_is_what_dsse_says(signed: Path, tmp_path: Path) -> None:
    """Verified by hand with the standard library and the PEM file: encoding, statement, hash of each file."""
    bundle = json.loads((signed / "signature.json").read_text())
    envelope = bundle["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = "application/vnd.in-toto+json"
    public: Any = load_pem_public_key((tmp_path / "key.pub").read_bytes())
    public.verify(
        base64.b64decode(envelope["signatures"][0]["sig"]),
        b" ".join([b"DSSEv1", b"28", kind.encode(), str(len(payload)).encode(), payload]),
    )
    pem = hashlib.sha256((tmp_path / "key.pub").read_bytes()).hexdigest()
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == pem
    listed = {each["name"]: each["digest"] for each in json.loads(payload)["predicate"]["resources"]}
    assert listed == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in signed.iterdir()
        if path.name != "signature.json"
    }


def test_who_signed_decides(signed: Path, signer: Signer, tmp_path: Path) -> None:
    """One of the listed signers is enough; another key, or none, is refused; the hash is as without."""
    other = keys.create_pair(tmp_path / "other")
    assert reader.read(signed, policy=Policy((other, signer))).signer == signer.fingerprint
    assert reader.read(signed).signer is None
    assert reader.read(signed).sha256 == reader.read(ARTEFACT).sha256
    with pytest.raises(ConfigError, match="expected a signature by"):
        reader.read(signed, policy=Policy((other,)))
    with pytest.raises(ConfigError, match="takes signed artefacts only"):
        reader.read(ARTEFACT, policy=Policy((signer,)))


def test_a_claimed_signer_is_not_believed(signed: Path, signer: Signer, tmp_path: Path) -> None:
    """The hint of a trusted signer over the signature of another key is refused."""
    other = keys.create_pair(tmp_path / "other")
    content = sign.bundle(reader.read(signed), keys.signing_key(tmp_path / "other"))
    (signed / "signature.json").write_bytes(
        content.replace(other.fingerprint.encode(), signer.fingerprint.encode())
    )
    with pytest.raises(ConfigError, match="it was changed"):
        reader.read(signed, policy=Policy((signer,)))


def test_a_manifest_that_was_only_reformatted_is_refused(signed: Path, signer: Signer) -> None:
    """It lists the same files, and is still not the one that was signed."""
    with (signed / "manifest.json").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ConfigError, match=r"manifest\.json is not what was signed"):
        reader.read(signed, policy=Policy((signer,)))


def test_a_signature_of_another_artefact_is_refused(signed: Path, signer: Signer) -> None:
    """A file and the manifest changed to fit each other are not what was signed."""
    (signed / "card.json").write_text('{"format": 1, "score": 1.0}\n')
    manifest = json.loads((signed / "manifest.json").read_text())
    manifest["files"]["card.json"] = hashlib.sha256((signed / "card.json").read_bytes()).hexdigest()
    (signed / "manifest.json").write_text(json.dumps(manifest))
    assert reader.read(signed).name == "small"
    with pytest.raises(ConfigError, match="not what was signed"):
        reader.read(signed, policy=Policy((signer,)))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"EKIBEN_SIGNERS": "AAAA"}, "Ed25519 public key"),
        ({"EKIBEN_SIGNERS": ","}, "Ed25519 public key"),
        ({"EKIBEN_ALLOW_PICKLE": "yes"}, "true or false, found 'yes'"),
        ({"EKIBEN_ALLOW_PICKLE": "true"}, "EKIBEN_SIGNERS beside"),
    ],
)
def test_a_policy_that_is_none(environment: dict[str, str], message: str) -> None:
    """What cannot be meant is refused before the artefact is looked at."""
    with pytest.raises(ConfigError, match=message):
        Policy.read(environment)


def test_encryption_keeps_what_the_image_needs(signed: Path, signer: Signer, tmp_path: Path) -> None:
    """The same bytes twice, nothing of the model in them, and with the key everything as before."""
    live = tmp_path / "live"
    live.mkdir()
    for name in ("old", "new"):
        keys.create_secret(live / name)
    for name in ("old", "new"):
        key = encrypt.LiveKey(name, live / name)
        folder = encrypted(signed, tmp_path / name, key)
        again = encrypted(signed, tmp_path / f"{name}-again", key)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            path.name: path.read_bytes() for path in again.iterdir()
        }
        assert all(
            (folder / file).read_bytes()[:16] != (ARTEFACT / file).read_bytes()[:16]
            for file in reader.read(signed).files
        )
        found = reader.read(folder, "scikit-learn", Policy((signer,), keys=live))
        assert (found.sha256, found.key_id) == (reader.read(ARTEFACT).sha256, name)
        for file in ("estimator.skops", "card.json"):
            assert found.content(file) == (ARTEFACT / file).read_bytes()
    with pytest.raises(ConfigError, match="encrypted with the key 'new'"):
        reader.read(tmp_path / "new", policy=Policy((signer,)))


@pytest.mark.parametrize("damage", ["flip", "swap", "other key", "other artefact", "tag", "id"])
def test_damage_to_ciphertext_is_found(signed: Path, tmp_path: Path, damage: str) -> None:
    """Content, file name, artefact and key are all bound by the tag."""
    live = tmp_path / "live"
    live.mkdir()
    keys.create_secret(live / "k")
    folder = encrypted(signed, tmp_path / "encrypted", encrypt.LiveKey("k", live / "k"))
    card, reference = folder / "card.json", folder / "reference.json"
    if damage == "flip":
        card.write_bytes(bytes([card.read_bytes()[0] ^ 1]) + card.read_bytes()[1:])
    elif damage == "swap":  # the two have the same content in the clear
        card.write_bytes(reference.read_bytes())
    elif damage == "tag":
        card.write_bytes(card.read_bytes()[:10])
    elif damage == "other artefact":
        manifest = folder / "manifest.json"
        manifest.write_bytes(manifest.read_bytes() + b"\n")
    elif damage == "id":
        (folder / "encryption.json").write_text('{"cipher": "AES-256-GCM", "format": 1, "key": "../k"}')
    else:
        (live / "k").unlink()
        keys.create_secret(live / "k")
    with pytest.raises(ConfigError, match=r"that the key decrypts|expected .*cipher"):
        reader.read(folder, policy=Policy(keys=live))


def configured(signer: Signer, key: Path) -> config.ModelConfig:
    return config.parse(
        {
            "model": "small",
            "train": {"estimator": "a:b", "data": "a:b", "accept": {"min": 0}},
            "bento": {"service": "s:S", "seal": {"key_file": str(key), "signers": [signer.text]}},
            "image": {"repository": "small"},
        },
        "test",
    )


def test_a_stored_model_is_signed_later(
    signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`verify` refuses it before; one rename adds the signature; signing again writes nothing."""
    from ekiben.artefact.seal import configured as sealing

    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.DEBUG)
    _, folder = store.store(ARTEFACT)
    with pytest.raises(ConfigError, match="signed artefacts only"):
        check.verify("small", tmp_path, [tmp_path / "key.pub"])
    content = sealing.signature_of(folder, configured(signer, tmp_path / "key"))
    assert content is not None
    store.sign(folder, content)
    found = check.verify("small", tmp_path, [tmp_path / "key.pub"])
    assert (found.signer, found.model.name, found.files) == (signer.fingerprint, "small", 8)
    assert sealing.signature_of(folder, configured(signer, tmp_path / "key")) is None
    assert store.store(ARTEFACT)[1] == folder
    assert (folder / "signature.json").read_bytes() == content
    private = (tmp_path / "key").read_text().splitlines()[1]
    assert private not in caplog.text


def test_a_key_that_pods_do_not_believe_signs_nothing(signer: Signer, tmp_path: Path) -> None:
    """The mistake is found when signing, not when pods refuse."""
    keys.create_pair(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"one of bento\.seal\.signers"):
        sign.bundle_for(ARTEFACT, tmp_path / "other", [signer])
