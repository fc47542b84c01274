"""Who is let in: which hosts may be asked for, what a right token is, how often one may guess."""

import hmac
import ipaddress
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterable
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from klein_ui import files
from klein_ui.contract import KleinError
from klein_ui.flags import LEAST_TOKEN_CHARS
from klein_ui.settings import Settings

log = logging.getLogger(__name__)

LOCALHOST = "localhost"
SPACE_HOSTS = ".hf.space"
BURST, EVERY_S = 10, 6.0
"""How many tokens an address may try at once, and how long until it may try another one."""
MOST_ADDRESSES = 4096

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_](?:[a-z0-9._-]*)))(?::\d{1,5})?", re.ASCII)

_TOKEN = re.compile(rf"[\w.~-]{{{LEAST_TOKEN_CHARS},200}}", re.ASCII)


class Demand(Enum):
    """What must be shown before anything is answered."""

    NOTHING = "nothing"
    TOKEN = "a token"  # noqa: S105
    LOGIN = "a login"


def demand(settings: Settings) -> Demand:
    """What these settings ask of whoever comes: what was given, else a token on a network."""
    if settings.logins is not None:
        return Demand.LOGIN
    if settings.token is not None:
        return Demand.TOKEN
    if settings.is_public or is_this_machine(settings.host):
        return Demand.NOTHING
    return Demand.TOKEN


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_hex(24)


def kept_token(path: Path) -> str:
    """The token at `path`, made there at first, so that a restart lets in who was in; where the
    disk does not have it, a new one. Raises `KleinError` for a token that is none."""
    try:
        token = files.once(path, new_token().encode()).decode("ascii").strip()
    except OSError as error:
        log.warning("“%s” is not kept, so a restart makes another: %s", path, error.strerror)
        return new_token()
    except UnicodeDecodeError:
        token = ""
    if not _TOKEN.fullmatch(token):
        raise KleinError(f"“{path}” holds no token; remove it and a new one is made.")
    return token


def logins(path: Path) -> dict[str, str]:
    """The password of each name in a file of lines `name:password`; # begins a remark.

    Raises `KleinError`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KleinError(
            f"“{path}” is no text that can be read; mend what --logins names."
        ) from error
    found = dict[str, str]()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, password = line.partition(":")
        name = name.strip()
        if not name or not password.strip() or name in found:
            raise KleinError(
                f"Line {number} of “{path}” is no “name:password” of somebody new; mend it."
            )
        found[name] = password
    if not found:
        raise KleinError(f"“{path}” names nobody; write a line “name:password” for each.")
    return found


def is_this_machine(address: str) -> bool:
    """Whether what listens there is reached from this machine alone."""
    name = address.strip("[]").lower()
    if name == LOCALHOST:
        return True
    ip = _ip(name)
    return ip is not None and ip.is_loopback


def host_name(header: str) -> str | None:
    """The name or address in a `Host` header, in lower case; None where there is no such thing."""
    found = _HOST.fullmatch(header.strip().lower())
    if found is None:
        return None
    inside, name = found.groups()
    if inside is not None:
        ip = _ip(inside)
        return inside if ip is not None and ip.version == 6 else None
    return str(name).removesuffix(".")


def may_be_asked(header: str, names: Collection[str]) -> bool:
    """Whether a browser may have come here by the `Host` header.

    A foreign page that points its own name at this machine (DNS rebinding) is of one origin with
    it for the browser; an address has no name to point. Of `names`, one that begins with a dot
    stands for all below it.
    """
    name = host_name(header)
    if name is None:
        return False
    if _ip(name) is not None or name == LOCALHOST or name.endswith("." + LOCALHOST):
        return True
    return any(name == known or (known[:1] == "." and name.endswith(known)) for known in names)


def names(settings: Settings, machine: str) -> frozenset[str]:
    """The names under which this app may be asked for, on the machine called `machine`."""
    own = {machine.lower(), machine.lower() + ".local", settings.host.lower()}
    space = {settings.space_host.lower(), SPACE_HOSTS} if settings.is_space else set[str]()
    return frozenset(filter(None, own | space | set(settings.allow_hosts)))


def is_own_origin(origin: str, hosts: Iterable[str]) -> bool:
    """Whether the page of `Origin` is our own: its host, with its port, is one that was asked."""
    try:
        at = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return at != "" and at in {host.strip().lower() for host in hosts}


def is_same(given: str, wanted: str) -> bool:
    """Whether both are the same text, in a time that does not tell how far they are."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def bearer(header: str) -> str | None:
    """The token of an `Authorization` header; None where it has none."""
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def in_query(query: str, field: str) -> tuple[str | None, str]:
    """The value of `field` and the query without it, whose other fields stay as they were."""
    rest = [part for part in query.split("&") if not _is_called(part, field)]
    found = [part for part in query.split("&") if _is_called(part, field)]
    value = parse_qsl(found[0], keep_blank_values=True)[0][1] if found else None
    return value, "&".join(rest)


def _is_called(part: str, field: str) -> bool:
    pairs = parse_qsl(part, keep_blank_values=True)
    return bool(pairs) and pairs[0][0] == field


class Attempts:
    """A bucket of attempts for each address, bounded in number."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now: float) -> bool:
        """Whether somebody at `address` may try once more at `now`, in seconds of any clock."""
        key = neighbourhood(address)
        left, at = self._left.pop(key, (float(BURST), now))
        left = min(BURST, left + max(0.0, now - at) / EVERY_S)
        may = left >= 1
        self._left[key] = (left - 1 if may else left, now)
        while len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        return may

    def give_back(self, address: str) -> None:
        """What was tried last was right, and is no try.

        Only that one: else whoever knows one login could guess at the others for ever.
        """
        key = neighbourhood(address)
        if key in self._left:
            left, at = self._left[key]
            self._left[key] = (min(BURST, left + 1), at)


def neighbourhood(address: str) -> str:
    """The address, or the /64 of an IPv6 one: a single machine has all of it to choose from."""
    ip = _ip(address)
    if not isinstance(ip, ipaddress.IPv6Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, 64), strict=False).network_address)


def _ip(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
