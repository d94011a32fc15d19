"""Teams that sign and encrypt models, by the commands that people type."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.rig import Rig

KEYS_OBJECT = "iris-model"


@dataclass(frozen=True)
class Team:
    """Keys that `ekiben seal` made.

    Attributes:
        name: Also the id of its encryption key.
        key: File of its private key.
        signer: Its public key.
        secret: File of its encryption key.
    """

    name: str
    key: Path
    signer: str
    secret: Path

    def environment(self, *believed: Team) -> dict[str, str]:
        """Sign and encrypt with this team's keys; pods believe these teams, or this one alone."""
        signers = [each.signer for each in believed or (self,)]
        encryption = {"key_file": str(self.secret), "key_id": self.name, "secret": KEYS_OBJECT}
        seal = {"key_file": str(self.key), "signers": signers, "encryption": encryption}
        return {"EKIBEN_BENTO__SEAL": json.dumps(seal)}

    def policy(self) -> dict[str, str]:
        """Sign nothing; pods believe this team alone."""
        seal = {"signers": [self.signer], "encryption": {"secret": KEYS_OBJECT}}
        return {"EKIBEN_BENTO__SEAL": json.dumps(seal)}


def team(folder: Path, name: str) -> Team:
    """The team whose keys are in a folder; they are made if it is not there."""
    signer = folder / "signer"
    if not signer.exists():
        folder.mkdir(parents=True)
        said = [_made(verb, folder / file) for verb, file in (("secret", "secret"), ("keypair", "key"))]
        signer.write_text(said[1]["signer"], encoding="utf-8")
    return Team(name, folder / "key", signer.read_text(encoding="utf-8"), folder / "secret")


def _made(verb: str, file: Path) -> dict[str, str]:
    argv = [sys.executable, "-m", "ekiben", "seal", verb, str(file), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def store(rig: Rig, namespace: str, *teams: Team) -> None:
    """Make the Secret hold these teams' encryption keys, each by its id, and no other."""
    files = [f"--from-file={each.name}={each.secret}" for each in teams]
    made = rig.kubectl(
        "-n", namespace, "create", "secret", "generic", KEYS_OBJECT, *files, "--dry-run=client", "-o", "yaml"
    )
    rig.kubectl("apply", "-f", "-", stdin=made)
