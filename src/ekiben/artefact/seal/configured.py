"""What `bento.seal` in `ekiben.yaml` says, carried out."""

from __future__ import annotations

from pathlib import Path

from ekiben.artefact.seal.sign import bundle_for
from ekiben.config import ModelConfig
from ekiben.serving.seal.signature import Signer


def signers(config: ModelConfig) -> tuple[Signer, ...]:
    """Whom pods of this model believe."""
    return tuple(Signer.parse(text) for text in config.bento.seal.signers)


def signature_of(folder: Path, config: ModelConfig) -> bytes | None:
    """Sign an artefact, if a key is configured.

    Args:
        folder: The artefact's; nothing is written to it.
        config: The model's `ekiben.yaml`.

    Returns:
        Content of `signature.json`; None without a key, or if that key signed the artefact already.

    Raises:
        ConfigError: The artefact does not verify, or the key is none, or none of `bento.seal.signers`.
    """
    seal = config.bento.seal
    return bundle_for(folder, Path(seal.key_file).expanduser(), signers(config)) if seal.key_file else None


def pod_environment(config: ModelConfig) -> dict[str, str]:
    """The policy as variables of a pod that runs on this machine."""
    seal = config.bento.seal
    if not seal.signers:
        return {}
    return {
        "EKIBEN_SIGNERS": ",".join(seal.signers),
        "EKIBEN_ALLOW_PICKLE": "true" if seal.allow_pickle else "false",
    }
