"""Which addresses a local cluster takes: pure arithmetic over what the machine already routes.

Everything listens inside the cluster's own network namespace, so ports never
collide with the machine's; only subnets can, because the machine routes to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ekiben.errors import ClusterError

API_PORT = 6443
REGISTRY_PORT = 5000
PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093
KUBELET_PORT = 10250
_PER_POOL = 8  # clusters side by side in one pool; far more than two cores carry
# (pods, services, links), each a /16. The first is what kubeadm's documentation uses, the second another
# private range, for machines whose VPN owns 10.0.0.0/8, the third is for benchmarks of networks (RFC 2544).
_POOLS = (
    ("10.244.0.0/16", "10.96.0.0/16", "10.97.0.0/16"),
    ("172.28.0.0/16", "172.29.0.0/16", "172.30.0.0/16"),
    ("198.18.0.0/16", "198.19.0.0/17", "198.19.128.0/17"),
)
COUNT = _PER_POOL * len(_POOLS)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The subnets of one local cluster.

    Attributes:
        index: Its place in the pools, 0 to `COUNT` - 1.
        pods: One /24 for the node's pods.
        services: One /24 for cluster addresses.
        link: The /30 between the machine and the node.
    """

    index: int
    pods: IPv4Network
    services: IPv4Network
    link: IPv4Network

    @property
    def machine(self) -> IPv4Address:
        """The machine's end of the link."""
        return self.link.network_address + 1

    @property
    def node(self) -> IPv4Address:
        """The node's end of the link: API server, registry, Prometheus, NodePorts."""
        return self.link.network_address + 2

    @property
    def kubernetes(self) -> IPv4Address:
        """Cluster address of the API server."""
        return self.services.network_address + 1

    @property
    def dns(self) -> IPv4Address:
        """Cluster address of DNS."""
        return self.services.network_address + 10

    @property
    def device(self) -> str:
        """Name of the link's device on the machine; at most 15 characters."""
        return f"ekiben{self.index}"

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        """All three subnets."""
        return (self.pods, self.services, self.link)


def at(index: int) -> Addresses:
    """The addresses at one place of the pools.

    Args:
        index: 0 to `COUNT` - 1.
    """
    pool, place = divmod(index, _PER_POOL)
    pods, services, links = (IPv4Network(text) for text in _POOLS[pool])
    return Addresses(
        index,
        IPv4Network((pods.network_address + 256 * place, 24)),
        IPv4Network((services.network_address + 256 * place, 24)),
        IPv4Network((links.network_address + 256 * place, 30)),
    )


def owner(addresses: Addresses, taken: Sequence[tuple[IPv4Network, str]]) -> str:
    """Who holds one of these subnets: a sentence part, empty if they are free."""
    for network, holder in taken:
        for ours in addresses.networks:
            if network.overlaps(ours):
                return f"{ours} by {holder}"
    return ""


def choose(taken: Sequence[tuple[IPv4Network, str]], reserved: Mapping[int, str]) -> Addresses:
    """The first place whose subnets nobody uses.

    Args:
        taken: Networks that the machine routes or owns, each with who holds it.
        reserved: Places that other local clusters hold, with their names.

    Raises:
        ClusterError: Every place is taken; the message says by whom.
    """
    held: list[str] = []
    for index in range(COUNT):
        candidate = at(index)
        who = (
            f"place {index} by cluster {reserved[index]!r}" if index in reserved else owner(candidate, taken)
        )
        if not who:
            return candidate
        held.append(who)
    raise ClusterError(
        f"expected a free subnet for the cluster, found all {COUNT} taken: {'; '.join(held)}",
        remedy="take down a cluster (`ekiben cluster down --name ...`) or remove the route that is named",
    )


def parse_routes(rows: Sequence[Mapping[str, object]]) -> list[tuple[IPv4Network, str]]:
    """Networks in the output of `ip -json -4 route show table all`, without the default route."""
    taken = []
    for row in rows:
        destination = str(row.get("dst", "default"))
        if destination == "default" or row.get("type") in {"broadcast", "multicast"}:
            continue
        network = IPv4Network(destination, strict=False)
        if not network.is_loopback and network.prefixlen > 0:
            taken.append((network, f"the route {destination} on device {row.get('dev', '?')}"))
    return taken
