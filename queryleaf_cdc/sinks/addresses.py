"""Where a host name leads, and whether rows may go there.

A webhook's URL may come from somebody who must not reach what only the worker can reach: its own machine, its network,
the metadata service of a cloud. So addresses are judged after the name is resolved, and the connection goes to the very
address that was judged; a second look-up could give another one."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from queryleaf_cdc.sinks.faults import Away, Refused

Address = tuple[int, tuple[Any, ...]]
"""(family, what ``connect`` takes)"""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IPv6 has given out for the internet so far; what lies outside may have a meaning of its own somewhere."""


def addresses(host: str, port: int, allow_private: bool) -> list[Address]:
    """Those that may be connected to, in the resolver's order. Raises Away (QL621), or Refused (QL622)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Away("QL621", f"{host} cannot be resolved: {error}") from error
    every: list[Address] = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    allowed = [each for each in every if allow_private or is_public(str(each[1][0]))]
    if not allowed:
        places = ", ".join(sorted({str(address[0]) for _, address in every}))
        raise Refused("QL622", f"{host} is {places}, which is no public address: WITH (allow_private = true) allows it")
    return allowed


def is_public(address: str) -> bool:
    """Whether the address belongs to the internet at large. What carries an IPv4 address inside is judged by that."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo is not None else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not ip.is_multicast
