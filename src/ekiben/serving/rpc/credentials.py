"""TLS from mounted files, read again for new connections when they have changed."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from ekiben.errors import ConfigError

_LOG = logging.getLogger(__name__)
Pair = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Files:
    """Where a mounted Secret of the type `kubernetes.io/tls` has them.

    Attributes:
        certificate: Chain in PEM, the leaf first (`tls.crt`).
        key: Private key in PEM, not encrypted (`tls.key`).
    """

    certificate: Path
    key: Path


class Certificates:
    """Gives the current pair to each handshake.

    A pair that does not fit is never used: while a Secret is being replaced, a
    certificate may be read with the key of the other one.

    Args:
        files: Where they are.

    Raises:
        ConfigError: They cannot be read, or do not belong together.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._refused: Pair | None = None
        try:
            self._current = _read(files)
            _check(files, self._current)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"cannot use the certificate {files.certificate} with the key {files.key}: {error}",
                remedy="mount a chain and its unencrypted private key, both in PEM",
            ) from error

    def credentials(self) -> grpc.ServerCredentials:
        """Make credentials for a port."""
        return grpc.dynamic_ssl_server_credentials(_configuration(self._current), self.changed)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Look for another pair; called by a thread of grpcio's before each handshake."""
        try:
            found = _read(self._files)
            if found in (self._current, self._refused):
                return None
            _check(self._files, found)
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


def _read(files: Files) -> Pair:
    return files.certificate.read_bytes(), files.key.read_bytes()


def _check(files: Files, pair: Pair) -> None:
    """See that a pair belongs together, and is still what the files hold.

    Raises:
        ssl.SSLError: It does not.
        OSError: They are just being replaced.
    """
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
    if _read(files) != pair:
        raise OSError("the files were replaced meanwhile")


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    certificate, key = pair
    return grpc.ssl_server_certificate_configuration([(key, certificate)])
