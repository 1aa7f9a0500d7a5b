"""Where a host name leads, and whether rows may go there.

A webhook's URL may come from somebody who must not reach what only the worker can reach: its own machine, its network,
the metadata service of a cloud. So addresses are judged after the name is resolved, and the connection goes to the very
address that was judged; a second look-up could give another one."""

from __future__ import annotations

import socket
from typing import Any

from queryleaf_cdc.logical.public_addresses import is_public
from queryleaf_cdc.sinks.faults import Away, Refused

Address = tuple[int, tuple[Any, ...]]
"""(family, what ``connect`` takes)"""


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
