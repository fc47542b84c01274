"""The pipeline is put where ZeroGPU wants it, and an engine around it that asks for a GPU."""

from klein_ui.contract import Loras, Pictures
from klein_ui.engine import loader
from klein_ui.engine.choosing import Choice
from klein_ui.loading import Report
from klein_ui.serve import zero_start
from klein_ui.serve.zero import Decorate, Visitor, ZeroEngine
from klein_ui.serve.zero_calls import Watch
from klein_ui.serve.zero_kept import Kept
from klein_ui.serve.zero_time import Durations
from klein_ui.serve.zero_worker import Parcel, Worker


def place(
    choice: Choice,
    cache_bytes: int,
    report: Report,
    pictures: Pictures,
    loras: Loras,
    visitor: Visitor,
    decorate: Decorate = zero_start.on_gpu,
) -> ZeroEngine:
    """Load `choice`, before the page is launched and on the main thread: there alone `spaces`
    stands in for CUDA. Raises `EngineFailed`.

    Nothing is recorded as a graph, since the process with the GPU does not last. `cache_bytes` are
    those of the main process, and once more those of each such process.
    """
    pipeline, made_by = loader.open_pipeline(choice, report)
    parcel, watch = Parcel(), Watch()
    engine = loader.engine_of(choice, pipeline, made_by, cache_bytes, parcel, parcel)
    parts = (pipeline.text_encoder, pipeline.transformer, pipeline.vae)
    weights_bytes = sum(weight.nbytes for part in parts for weight in part.parameters())
    kept = Kept(engine.origin.revision, cache_bytes, pictures, loras)
    work = Worker(engine, parcel, watch).answer
    durations = Durations(weights_bytes)
    return ZeroEngine(work, decorate, watch, engine.origin, kept, visitor, durations)
