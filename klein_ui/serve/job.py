"""What a lane asks a replica for."""

from dataclasses import dataclass, field
from threading import Event

from klein_ui.contract import Request, Stage
from klein_ui.serve import wire
from klein_ui.serve.wire import Message


@dataclass(slots=True)
class Job:
    """A picture on its way: what was asked, whose lane it is, and whether it is to stop."""

    run: int
    request: Request
    stage: Stage
    preview: bool
    loras: dict[str, str]
    stops: Event = field(default_factory=Event)


def job_from(message: Message) -> Job:
    """The picture that `message` asks for."""
    request = wire.request_from(message["request"])
    names = [lora.name for lora in request.loras]
    digests = [str(digest) for digest in message["loras"]]
    loras = dict(zip(names, digests, strict=True))
    stage, preview = Stage(message["stage"]), bool(message["preview"])
    return Job(int(message["run"]), request, stage, preview, loras)
