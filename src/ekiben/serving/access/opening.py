"""Which access control the environment asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ekiben.errors import ConfigError
from ekiben.serving.access.door import Open, Required

MODES = ("none", "required")
DEFAULT_FOLDER = "/etc/ekiben/access"


def build(environment: Mapping[str, str]) -> Open | Required:
    """Make what `EKIBEN_ACCESS` says: `none` (the default) or `required`.

    With `required`, `EKIBEN_ACCESS_DIR` (default `/etc/ekiben/access`) holds `keys.json`
    (see `access.keys`), `policy.json` (see `access.policy`) and the key sets that it names.
    Call `start` when the pod begins and `close` when it ends.

    Args:
        environment: Of the process.

    Raises:
        ConfigError: Another word, no such folder, or a file in it that is wrong.
    """
    mode = environment.get("EKIBEN_ACCESS") or "none"
    if mode not in MODES:
        raise ConfigError(
            f"expected EKIBEN_ACCESS to be one of {', '.join(MODES)}, found {mode!r}",
            remedy="set access.mode in the chart's values",
        )
    if mode == "none":
        return Open()
    folder = Path(environment.get("EKIBEN_ACCESS_DIR") or DEFAULT_FOLDER)
    if not folder.is_dir():
        raise ConfigError(
            f"expected the folder {folder} (EKIBEN_ACCESS_DIR): there is none",
            remedy="the chart mounts it when access.mode is required",
        )
    return Required(folder)
