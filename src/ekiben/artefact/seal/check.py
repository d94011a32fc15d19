"""Check an artefact as a pod does, and say what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben import config
from ekiben.artefact.seal import configured, keys
from ekiben.artefact.store import folder_of, home
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving.seal.policy import Policy
from ekiben.serving.seal.signature import Signer


@dataclass(frozen=True, slots=True)
class Verified:
    """What an artefact showed.

    Attributes:
        model: Its tag.
        folder: Where it is.
        artefact_sha256: Its hash.
        files: How many files were hashed.
        bytes: Their length.
        forms: What answers as the estimator does.
        predictor: The form that answers.
        estimator_format: What the estimator itself is read from.
        signer: Fingerprint of the public key that verified; None if none was asked for.
        key_id: Of the key that it is encrypted with; None if it is not.
    """

    model: ModelTag
    folder: Path
    artefact_sha256: str
    files: int
    bytes: int
    forms: tuple[str, ...]
    predictor: str
    estimator_format: str
    signer: str | None
    key_id: str | None


def verify(what: str, project: Path, public: Sequence[Path] = (), live: Path | None = None) -> Verified:
    """Verify every file and the signature; nothing of the model is deserialised.

    Args:
        what: `name`, `name:version`, or an artefact's folder.
        project: Root of the project, for the signers of a model that it knows.
        public: PEM files of public keys, one of which must have signed; none takes the model's own.
        live: Folder of decryption keys.

    Raises:
        ConfigError: There is no such artefact, or it does not verify.
    """
    folder = _folder(what)
    signers = tuple(keys.signer(file) for file in public) or _own_signers(what, project)
    found = reader.read(folder, policy=Policy(signers, keys=live))
    return Verified(
        ModelTag(found.name, found.version),
        folder,
        found.sha256,
        len(found.files) + 1,
        sum((folder / name).stat().st_size for name in (*found.files, reader.MANIFEST)),
        found.forms,
        found.predictor,
        found.estimator_format,
        found.signer,
        found.key_id,
    )


def _folder(what: str) -> Path:
    if "/" in what or Path(what, reader.MANIFEST).exists():
        return Path(what)
    name, _, version = what.partition(":")
    latest = home() / "models" / name / "latest"
    if version in ("", "latest") and latest.is_file():
        version = latest.read_text(encoding="utf-8").strip()
    try:
        folder = folder_of(ModelTag(name, version))
    except ConfigError:
        folder = None
    if folder is None or not folder.is_dir():
        raise ConfigError(
            f"expected a model of the store in {home()}, or an artefact's folder, found {what!r}",
            remedy="`bentoml models list` lists the store; a folder is given with a slash: ./model",
        )
    return folder


def _own_signers(what: str, project: Path) -> tuple[Signer, ...]:
    name = what.partition(":")[0]
    if "/" in what or not (config.folder(name, project) / "ekiben.yaml").is_file():
        return ()
    return configured.signers(config.load(name, project))
