"""Where the app listens, and what it says of that at its start."""

import errno
import socket
from ipaddress import ip_address

import psutil

from klein_ui import access, settings
from klein_ui.access import Demand


def welcome(chosen: settings.Settings, hosts: tuple[str, ...]) -> list[str]:
    """Where the app is, for each of its `hosts`, and who may come in: a line each."""
    query = "" if chosen.token is None else f"?token={chosen.token}"
    urls = [f"http://{host}:{chosen.port}/{query}" for host in hosts]
    lines = [f"Klein Live is at {urls[0]} (Ctrl-C ends it)."]
    lines += [f"From other machines it is at {url}" for url in urls[1:]]
    return [*lines, let_in(chosen)]


def let_in(chosen: settings.Settings) -> str:
    """Who may come in, in one sentence or two."""
    reach = "this machine" if access.is_this_machine(chosen.host) else "the network"
    match access.demand(chosen):
        case Demand.TOKEN:
            return f"It answers to {reach}, and asks for the token in the address."
        case Demand.LOGIN:
            return f"It answers to {reach}, and asks for one of the logins of {chosen.logins}."
        case Demand.NOTHING if chosen.is_public:
            why = "--open" if chosen.open else "this is a Space; --token or --logins changes that"
            return f"It is open to everybody who reaches it ({why}); its model and LoRAs are fixed."
        case Demand.NOTHING:
            return "It answers to this machine alone, to all who use it, without a token."


def addresses(host: str) -> tuple[str, ...]:
    """What a browser may put in place of the host that is listened on, this machine's own first."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104
        return (f"[{host}]" if ":" in host else host,)
    found = [
        at.address
        for interface in psutil.net_if_addrs().values()
        for at in interface
        if at.family == socket.AF_INET and not ip_address(at.address).is_loopback
    ]
    return ("localhost", *found)


def cannot(host: str, port: int) -> str | None:
    """Why this machine cannot listen there, in one sentence; None if it can."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            return None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} is taken; choose another with --port."
        if error.errno == errno.EACCES:
            return f"Port {port} is not yours to use; choose one above 1023 with --port."
        return f"This machine has no address “{host}”; choose another with --host."


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
