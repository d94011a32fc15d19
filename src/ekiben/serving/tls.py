"""TLS from mounted files: a certificate that is renewed there serves the next handshake.

Kubernetes swaps the files of a Secret under a running pod; the context that all
listening ports share loads the new pair, connections that are open keep the old one.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from ekiben.errors import ConfigError
from ekiben.serving.settings import Settings

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 5.0  # between looks at the files; the kubelet takes about a minute to bring new ones


class Certificates:
    """One certificate with its key.

    Args:
        certificate: PEM file, the chain with the server's own first.
        key: PEM file.

    Attributes:
        context: For every port that speaks TLS.

    Raises:
        ConfigError: The files cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._stamps()
        try:
            self.context = _context(*self._files)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"expected a certificate and its key in {certificate} and {key}: {error}",
                remedy="check the Secret that tls.secretName names: kubectl get secret -o yaml",
            ) from error

    def renew(self) -> bool:
        """Load the files if they changed; what cannot be loaded is logged, and the old pair serves on.

        Returns:
            Whether another pair serves now.
        """
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            _context(*self._files)  # a pair that does not fit would leave the live context half changed
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            _LOG.error("the renewed certificate cannot be used, the old one stays: %s", error)
            return False
        _LOG.info("the certificate was renewed")
        return True

    async def watch(self) -> None:
        """Renew for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.renew()

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(each) for each in self._files)


def certificates(settings: Settings) -> Certificates | None:
    """Load what the settings name; None without TLS.

    Raises:
        ConfigError: As `Certificates`.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Certificates(settings.tls_certificate, settings.tls_key)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Server side, TLS 1.2 and up, HTTP/1.1.

    Source: https://docs.python.org/3/library/ssl.html#ssl.create_default_context
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context
