"""What a Ray cluster runs: `serve run klein_ui.serve.app:app`, or a config file of Ray Serve.

One application is one model, so a cluster of several has several; each of its replicas loads the
model once. Needs Ray.
"""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig

from klein_ui import validate
from klein_ui.contract import Engine, Loras, Pictures
from klein_ui.loading import Report, Source
from klein_ui.models import ModelRow
from klein_ui.serve.replica import Replica
from klein_ui.serve.routing import Homing, by_load
from klein_ui.serve.worker import Offer

MOST_LANES = 256
"""Lanes that a replica holds open, idle ones too: one for each app that uses the cluster."""
SMALL_CPUS = 0.2
DRAIN_S = 30.0
"""A lane is renewed every ten seconds, so that long before this a replica that goes has none."""
HEALTH_S = 2.0
WARM_UP_STEPS = 4


class Arguments(BaseModel):
    """What a config file may say under `args`.

    `model` is as for `app.py --model`; `gpus` and `cpus` are what a replica takes, which may be
    parts of one. Where nothing is said, it takes all of a GPU on "cuda", and on "auto" for any
    model but a small one that is built in. With `most_replicas` there are as many as are busy,
    from `replicas` on.
    """

    model_config = ConfigDict(extra="forbid")

    model: str = "auto"
    revision: str | None = None
    device: str = "auto"
    memory: str = "auto"
    cache_mb: int = 512
    replicas: int = 1
    most_replicas: int | None = None
    gpus: float | None = None
    cpus: float = SMALL_CPUS


def app(arguments: Arguments) -> Application:
    """The application of one model. Raises `EngineFailed` where there is none of that name."""
    _, offer, arguments = chosen(arguments)
    return bound(offer, arguments)


def bound(offer: Offer, arguments: Arguments) -> Application:
    """The application whose replicas load what `offer` says."""
    scaling = None
    if arguments.most_replicas is not None:
        scaling = AutoscalingConfig(
            min_replicas=arguments.replicas,
            initial_replicas=arguments.replicas,
            max_replicas=arguments.most_replicas,
            metrics_interval_s=2.0,
            look_back_period_s=10.0,
            upscale_delay_s=5.0,
            downscale_delay_s=120.0,
            policy=AutoscalingPolicy(policy_function=by_load),
        )
    deployment = serve.deployment(
        Replica,
        name="engine",
        num_replicas=None if scaling else arguments.replicas,
        autoscaling_config=scaling,
        max_ongoing_requests=MOST_LANES,
        graceful_shutdown_timeout_s=DRAIN_S,
        health_check_period_s=HEALTH_S,
        request_router_config=RequestRouterConfig(request_router_class=Homing),
        ray_actor_options={"num_cpus": arguments.cpus, "num_gpus": arguments.gpus or 0.0},
    )
    made: Application = deployment.bind(offer)
    return made


def chosen(arguments: Arguments) -> tuple[ModelRow, Offer, Arguments]:
    """What `bound` needs, from `arguments`. Raises `EngineFailed`."""
    # Brings torch and diffusers with it, which nothing else here needs.
    from klein_ui.engine import choosing, loader, recipes
    from klein_ui.engine.device import choose

    wanted = arguments.device
    if wanted != "auto":
        recipes.ladder(wanted, arguments.memory)
    # Ray may build this where no GPU is, so that what is here says only which model “auto” is.
    best = choose("auto").name if wanted == "auto" and arguments.gpus is None else wanted
    on_cuda = best == "cuda" or bool(arguments.gpus)
    row = choosing.row_of(arguments.model, arguments.revision, on_cuda=on_cuda)

    def offer(pictures: Pictures, loras: Loras) -> Source:
        asked = validate.asked({}, row)
        warm = (*asked.drafts[:1], asked.request)
        quick = tuple(replace(one, steps=min(one.steps, WARM_UP_STEPS)) for one in warm)

        def load(report: Report) -> Engine:
            # Only the replica knows which device it has.
            choice = choosing.on_device(row, wanted, arguments.memory)
            return loader.load(choice, arguments.cache_mb * 2**20, report, pictures, loras)

        return Source(row, load, quick)

    if arguments.gpus is None:
        takes_one = wanted == "cuda" or (wanted == "auto" and not row.built_in)
        arguments = arguments.model_copy(update={"gpus": float(takes_one)})
    return row, offer, arguments
