"""Which addresses are the internet's: those that a webhook's rows may go to unless its sink says more."""

from __future__ import annotations

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IPv6 has given out for the internet so far; what lies outside may have a meaning of its own somewhere."""


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


def is_surely_private(host: str) -> bool:
    """What a URL's host alone can tell, before any name is resolved."""
    if host.lower() == "localhost":
        return True
    try:
        return not is_public(host)
    except ValueError:
        return False
