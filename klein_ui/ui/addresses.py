"""Whose address a request or socket counts for: the one place that decides it."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection


def address_of(connection: HTTPConnection) -> str:
    """Who asks, as the door knows it; a proxy that is trusted has named the browser's."""
    return connection.client.host if connection.client else ""


def visitor(peer: str, forwarded: Iterable[str]) -> str:
    """Who asks through the proxies of the place where the app runs: the last address of the
    `X-Forwarded-For` headers `forwarded` that is none of those proxies.

    Whoever comes from the outside itself, past any proxy, is `peer` whatever they claim. Only for
    where such proxies are known to be in front.
    """
    if not _is_inner(_ip(peer)):
        return peer
    hops = [_ip(hop) for line in forwarded for hop in line.split(",")]
    # What the visitor wrote stands before what the proxies added.
    for hop in reversed(hops):
        if hop is None:
            return peer
        if not _is_inner(hop):
            return str(hop)
    return str(hops[-1]) if hops else peer


def _is_inner(ip: IPv4Address | IPv6Address | None) -> bool:
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip is not None and not ip.is_global


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `text`, which some proxies give with a port."""
    text = text.strip()
    inside, _, _ = text.removeprefix("[").partition("]")
    for candidate in (text, inside, text.rpartition(":")[0]):
        try:
            return ip_address(candidate)
        except ValueError:
            continue
    return None
