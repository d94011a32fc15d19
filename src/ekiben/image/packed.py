"""What an image is made of beside packages: the bento, its model, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ekiben.artefact.store import folder_of, home
from ekiben.config import ModelConfig
from ekiben.identifiers import BentoTag, ModelTag
from ekiben.image import program, serving_set
from ekiben.image.serving_set import Part
from ekiben.serving import artefact, custom


@dataclass(frozen=True, slots=True)
class Packed:
    """A bento of the store, with its model, verified.

    Attributes:
        bento: Its tag.
        folder: Its folder.
        model: Tag of its model.
        sealed: The model's artefact.
        routes: Paths that the BentoML service answers itself.
    """

    bento: BentoTag
    folder: Path
    model: ModelTag
    sealed: artefact.Artefact
    routes: tuple[str, ...]

    @classmethod
    def read(cls, bento: BentoTag) -> Self:
        """Find it in BentoML's stores.

        Raises:
            ConfigError: There is no such bento, or its model is not what its manifest says.
        """
        folder = home() / "bentos" / bento.name / bento.version
        model = program.model_of(folder, bento)
        return cls(bento, folder, model, artefact.read(folder_of(model)), custom.routes_of(folder))

    def parts(self, config: ModelConfig) -> tuple[Part, ...]:
        """The serving set that it needs.

        Raises:
            ConfigError: A form is asked for that the artefact does not have.
        """
        return serving_set.needed(
            self.sealed.forms,
            self.sealed.predictor,
            config.image.forms,
            serving_set.demanded(config.release.values),
            custom=bool(self.routes),
            explain=self.sealed.explanation is not None and self.sealed.explanation.kind == "trees",
        )
