"""A private registry: passwords, and a certificate of a CA of its own."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "ekiben", "correct-horse-battery"


@dataclass(frozen=True)
class Private:
    """A registry that wants a password and has a certificate of its own CA."""

    host: str
    ca: Path
    auth: Path

    def get(self, path: str, *, password: str | None = PASSWORD) -> tuple[int, bytes, str]:
        """Ask it without the product: status, body, digest."""
        request = urllib.request.Request(f"https://{self.host}/v2/{path}")
        kinds = ("manifest", "index")
        request.add_header("Accept", ", ".join(f"application/vnd.oci.image.{kind}.v1+json" for kind in kinds))
        if password is not None:
            packed = base64.b64encode(f"{USER}:{password}".encode()).decode()
            request.add_header("Authorization", f"Basic {packed}")
        context = ssl.create_default_context(cafile=self.ca)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return answer.status, answer.read(), answer.headers.get("Docker-Content-Digest", "")
        except urllib.error.HTTPError as error:
            error.close()
            return error.code, b"", ""


def tool(program: str, package: str) -> str:
    """A program that these tests cannot do without."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"e2e needs {program}: apt-get install --no-install-recommends {package}", pytrace=False)
    return found


def authority(folder: Path) -> None:
    """A CA, and a certificate of 127.0.0.1 that it signed."""
    openssl = tool("openssl", "openssl")
    subject = ["-newkey", "rsa:2048", "-nodes", "-subj"]
    for argv in (
        ["req", "-x509", "-days", "2", *subject, "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem"],
        ["req", *subject, "/CN=registry", "-keyout", "tls.key", "-out", "tls.csr"],
        ["x509", "-req", "-days", "2", "-in", "tls.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-CAcreateserial", "-extfile", "san", "-out", "tls.pem"],
    ):  # fmt: skip
        (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        subprocess.run([openssl, *argv], cwd=folder, check=True, capture_output=True)


def wait(found: Private, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            assert found.get("")[0] == 200
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the registry did not start: {log.read_text()[-2000:]}")
