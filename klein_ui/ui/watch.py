"""The safety check looks at pictures before programs, and on an open server anybody, see them."""

import asyncio

from klein_ui.contract import Stage
from klein_ui.events import Event, Failed, Shown
from klein_ui.safety import HeldBack
from klein_ui.ui.services import Services


async def seen(services: Services, event: Event) -> Event:
    """`event`, or the sentence that the page hears in its place."""
    return await allowed(services, event) if services.settings.is_public else event


async def allowed(services: Services, event: Event) -> Event:
    """The same whatever the server, as answers to programs are looked at everywhere.

    Full pictures are looked at; where a check is required, drafts as well, since nothing may be
    seen that it has not allowed.
    """
    gate = services.exporter.gate
    looks = gate.required or (gate.check is not None and _is_full(event))
    if not (looks and isinstance(event, Shown)):
        return event
    try:
        await asyncio.to_thread(gate.passed, event.frame.pixels)
    except HeldBack as error:
        return Failed(event.seq, str(error))
    return event


def _is_full(event: Event) -> bool:
    return isinstance(event, Shown) and event.frame.stage is Stage.FINAL
