"""Keys and certificates of a cluster: three authorities and what they sign. Pure but for randomness.

Source: https://kubernetes.io/docs/setup/best-practices/certificates/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ekiben.ground.addresses import Addresses

_LIFE = timedelta(days=3650)
_BACKDATE = timedelta(hours=1)  # clocks of virtual machines jump


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key.

    Attributes:
        certificate: The certificate.
        key: Its key, P-256.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, PEM."""
        return private_pem(self.key)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM (PKCS 8, not encrypted: the file's mode protects it)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of a key as PEM."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def _subject(name: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + _LIFE)
    )


def authority(name: str, now: datetime) -> Pair:
    """A self-signed authority.

    Args:
        name: Its common name.
        now: The present, with time zone.
    """
    key = new_key()
    subject = _subject(name, "")
    certificate = (
        _builder(subject, subject, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate, key)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def issue(
    signer: Pair, name: str, now: datetime, *, organization: str = "", names: Sequence[str] = ()
) -> Pair:
    """A certificate for a client, or with `names` for a server (that may also be a client).

    Args:
        signer: The authority.
        name: Common name: the user, in Kubernetes.
        now: The present, with time zone.
        organization: The group, in Kubernetes.
        names: Host names and addresses of a server.
    """
    key = new_key()
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])
    builder = (
        _builder(_subject(name, organization), signer.certificate.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False
        )
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_alternative(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    return Pair(builder.sign(signer.key, hashes.SHA256()), key)


def of_cluster(addresses: Addresses, node_name: str, now: datetime) -> dict[str, bytes]:
    """Every key and certificate of a cluster.

    Args:
        addresses: The cluster's addresses.
        node_name: Name of its one node.
        now: The present, with time zone.

    Returns:
        File name to content (PEM).
    """
    cluster, front, etcd = (
        authority(name, now) for name in ("kubernetes-ca", "kubernetes-front-proxy-ca", "etcd-ca")
    )
    local = ["localhost", "127.0.0.1"]
    node: IPv4Address = addresses.node
    service = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    pairs = {
        "ca": cluster,
        "front-proxy-ca": front,
        "etcd-ca": etcd,
        "apiserver": issue(
            cluster,
            "kube-apiserver",
            now,
            names=[*service, str(addresses.kubernetes), str(node), node_name, *local],
        ),
        "node": issue(cluster, node_name, now, names=[node_name, str(node), *local]),
        "front-proxy-client": issue(front, "front-proxy-client", now),
        "etcd-server": issue(etcd, "etcd", now, names=local),
        "etcd-client": issue(etcd, "kube-apiserver-etcd-client", now),
    }
    for file, (user, group) in users(node_name).items():
        pairs[file] = issue(cluster, user, now, organization=group)
    service_accounts = new_key()
    files = {"sa.key": private_pem(service_accounts), "sa.pub": public_pem(service_accounts)}
    for file, pair in pairs.items():
        files[f"{file}.crt"] = pair.certificate_pem
        files[f"{file}.key"] = pair.key_pem
    return files


def users(node_name: str) -> dict[str, tuple[str, str]]:
    """Who talks to the API server by certificate: file name to (user, group)."""
    return {
        "admin": ("kubernetes-admin", "system:masters"),
        "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", "system:masters"),
        "controller-manager": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "kube-proxy": ("system:kube-proxy", ""),
        "kubelet": (f"system:node:{node_name}", "system:nodes"),
        "prometheus": ("ekiben:prometheus", ""),
    }
