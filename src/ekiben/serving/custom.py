"""The BentoML service's own routes: its application, mounted for exactly those.

`ekiben-routes.json` in the bento lists them; it was written when the bento was
built; `/predict` is among them only if `ekiben.yaml` says that the service's own
one wins over the lane's. Where there are none BentoML is never imported, which saves its start-up time.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError
from ekiben.serving.artefact import MANIFEST, Artefact
from ekiben.serving.lifespan import Lifespan

ROUTES = "ekiben-routes.json"
_PROBES = frozenset({"/livez", "/readyz"})  # the kubelet must get our answer


class Service:
    """A BentoML service behind admission.

    Args:
        bento: Folder of the bento; None if there is none.

    Attributes:
        routes: Paths that it answers.
        application: Its ASGI application, once loaded.

    Raises:
        ConfigError: The list of routes is wrong.
    """

    def __init__(self, bento: Path | None) -> None:
        self._bento = bento
        self.routes = routes_of(bento)
        self.application: Any = None
        self._lifespan = Lifespan()
        self._home: Path | None = None

    def load(self, artefact: Artefact) -> None:
        """Import the service and build its application (takes seconds).

        BentoML gets a home of its own in the temporary folder (the root file
        system is read-only), whose model store holds this artefact and nothing else.

        Args:
            artefact: What `BentoModel("name:latest")` is in the service.

        Raises:
            ConfigError: The service cannot be imported.
        """
        self._home = Path(tempfile.mkdtemp(prefix="ekiben-bentoml-"))
        os.environ["BENTOML_HOME"] = str(self._home)
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"
        try:
            import bentoml

            with bentoml.models.create(f"{artefact.name}:{artefact.version}") as model:
                for name in artefact.files:
                    Path(model.path_of(name)).write_bytes(artefact.content(name))  # verified, decrypted
                shutil.copyfile(artefact.folder / MANIFEST, model.path_of(MANIFEST))
            service: Any = bentoml.load(str(self._bento))
            service.config["metrics"] = {"enabled": False}  # labelled with raw paths; ours count these routes
            self.application = service.to_asgi()
        except (Exception, SystemExit) as error:  # user code runs at import
            raise ConfigError(f"{self._bento}: the BentoML service cannot be loaded: {error!r}") from error

    async def start(self) -> None:
        """Run its start-up hooks.

        Raises:
            ConfigError: One of them failed.
        """
        await self._lifespan.start(self.application)

    async def stop(self) -> None:
        """Run its shutdown hooks, if it was started."""
        try:
            await self._lifespan.stop()
        finally:
            if self._home is not None:
                shutil.rmtree(self._home, ignore_errors=True)


def routes_of(bento: Path | None) -> tuple[str, ...]:
    """Paths that the BentoML service of a bento answers itself.

    Args:
        bento: Folder of the bento; None if there is none.

    Raises:
        ConfigError: The list of routes is wrong.
    """
    path = None if bento is None else bento / ROUTES
    if path is None or not path.exists():
        return ()
    try:
        found = json.loads(path.read_bytes())["custom"]
        routes = tuple(str(route) for route in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f'{path}: expected {{"custom": ["/route", ...]}}: {error!r}') from error
    wrong = [route for route in routes if not route.startswith("/") or route in _PROBES]
    if wrong or isinstance(found, str):
        raise ConfigError(
            f"{path}: routes without a slash, or that the pod answers itself: {', '.join(wrong)}"
        )
    return routes
