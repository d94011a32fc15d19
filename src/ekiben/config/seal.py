"""How a model is written and sealed, as `ekiben.yaml` declares it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ekiben.config.inputs import Section

_SIGNER = r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$"  # an Ed25519 public key. Source: RFC 8410 section 10.1
_OBJECT_NAME = r"^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$"
_KEY_ID = r"^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$"
_READABLE = frozenset({"skops", "joblib", "pickle"})

Format = Literal["skops", "joblib", "pickle", "onnx", "hdf5"]
SignerKey = Annotated[str, Field(pattern=_SIGNER)]


def _one_that_is_read(formats: tuple[Format, ...]) -> tuple[Format, ...]:
    if not _READABLE & set(formats) or len(set(formats)) != len(formats):
        raise ValueError("expected each format once, and at least one of skops, joblib and pickle")
    return formats


Formats = Annotated[tuple[Format, ...], AfterValidator(_one_that_is_read)]


class Encryption(Section):
    """Encryption of the model inside the image."""

    key_file: str = Field("", description="Key that the image's model is encrypted with; empty: none.")
    key_id: str = Field("model", description="Name of that key in the Secret.", pattern=_KEY_ID)
    secret: str = Field(
        "",
        description="Secret in the release's namespace that holds each live key by its id.",
        pattern=_OBJECT_NAME,
    )

    @model_validator(mode="after")
    def _both(self) -> Self:
        if self.key_file and not self.secret:
            raise ValueError("expected secret beside key_file: the pods could not decrypt")
        return self


class Seal(Section):
    """Signature and encryption of the artefact, and what pods demand."""

    key_file: str = Field("", description="Private key that signs (`ekiben seal keypair`); empty: unsigned.")
    signers: tuple[SignerKey, ...] = Field(
        (), description="Public keys: pods take an artefact only if one of them signed it; empty: any."
    )
    allow_pickle: bool = Field(
        False, description="Whether pods may unpickle a signed estimator (formats joblib and pickle)."
    )
    encryption: Encryption = Field(default_factory=Encryption)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.key_file or self.allow_pickle) and not self.signers:
            raise ValueError(
                "expected signers beside key_file or allow_pickle: nobody would check the signature"
            )
        return self
