"""TLS from mounted files, read again for new connections when they have changed."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import grpc

from ekiben.errors import ConfigError
from ekiben.serving.settings import Settings

_LOG = logging.getLogger(__name__)
Pair = tuple[bytes, bytes]


def mounted(settings: Settings) -> Credentials | None:
    """Credentials of what the settings name; None without TLS.

    Raises:
        ConfigError: As `Credentials`.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Credentials(settings.tls_certificate, settings.tls_key)


class Credentials:
    """Gives the current pair to each handshake.

    A pair that does not fit is never used: while a Secret is being replaced, a
    certificate may be read with the key of the other one.

    Args:
        certificate: PEM file, the chain with the server's own first.
        key: PEM file, not encrypted.

    Raises:
        ConfigError: They cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._refused: Pair | None = None
        try:
            self._current = self._read()
            self._check(self._current)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"expected a certificate and its key in {certificate} and {key}: {error}",
                remedy="check the Secret that tls.secretName names: kubectl get secret -o yaml",
            ) from error

    def of_server(self) -> grpc.ServerCredentials:
        """Make what a port of grpcio's takes."""
        return grpc.dynamic_ssl_server_credentials(_configuration(self._current), self.changed)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Look for another pair; called by a thread of grpcio's before each handshake."""
        try:
            found = self._read()
            if found in (self._current, self._refused):
                return None
            self._check(found)
        except ssl.SSLError as error:
            self._refused = found
            _LOG.warning("kept the old certificate of the grpc port; the new one is of no use: %s", error)
            return None
        except OSError as error:
            _LOG.warning("kept the old certificate of the grpc port; cannot read the new one: %s", error)
            return None
        self._current = found
        _LOG.info("new connections to the grpc port get the certificate that is mounted now")
        return _configuration(found)

    def _read(self) -> Pair:
        certificate, key = self._files
        return certificate.read_bytes(), key.read_bytes()

    def _check(self, pair: Pair) -> None:
        """See that a pair belongs together, and is still what the files hold.

        Raises:
            ssl.SSLError: It does not belong together.
            OSError: The files are just being replaced.
        """
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files, password="")
        if self._read() != pair:
            raise OSError("the files were replaced meanwhile")


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    certificate, key = pair
    return grpc.ssl_server_certificate_configuration([(key, certificate)])
