"""Renders with the components of one klein pipeline, equal to its `__call__`."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.contract import (
    Frame,
    Held,
    Hooks,
    InvalidLora,
    KleinError,
    LoraFile,
    Loras,
    Origin,
    Outcome,
    Pictures,
    Pixels,
    Render,
    Request,
    Stage,
    Superseded,
    Timings,
    Use,
)
from klein_ui.engine import backends
from klein_ui.engine.adapters import Adapters
from klein_ui.engine.alone import Alone
from klein_ui.engine.attention import Placed, attention, in_a_row, placed
from klein_ui.engine.blend import blended_noise, blended_prompt
from klein_ui.engine.denoise import denoise
from klein_ui.engine.device import allocated_bytes, release, wait_for
from klein_ui.engine.encodings import Encodings
from klein_ui.engine.faults import named
from klein_ui.engine.graphs import Recorder, StepGraphs
from klein_ui.engine.kv import WHOLE_OR_NOT, KeptVelocity, ReferenceKeys, keeps_keys
from klein_ui.engine.noise import NoiseField
from klein_ui.engine.references import References
from klein_ui.engine.region import Region, Regions
from klein_ui.engine.schedule import Plan, Plans
from klein_ui.engine.stopwatch import Stopwatch
from klein_ui.engine.text import PromptEmbeds, PromptEncoder
from klein_ui.engine.together import denoise_together
from klein_ui.engine.velocity import (
    Forward,
    GuidedVelocity,
    JointVelocity,
    PlainVelocity,
    Velocity,
)
from klein_ui.engine.ways import ways_of
from klein_ui.models import GRID_PX, ModelRow

# Of the memory for caches: most to finished frames, which cost the most to make again.
FRAMES_SHARE, PROMPTS_SHARE, NOISE_SHARE = 0.3, 0.2, 0.15
REFERENCES_SHARE, FITTED_SHARE, LORAS_SHARE = 0.1, 0.1, 0.15
# Of all of it, where the weights are trained for keys and values that stay: these are large.
KEYS_SHARE = 0.5

FrameKey = tuple[Request, tuple[LoraFile, ...]]

CUT = "The end of the prompt is beyond what this model reads; shorten it."


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What one render needs, all of it encoded. `noise` is (1, tokens, channels)."""

    request: Request
    prompt: PromptEmbeds
    plan: Plan
    noise: Tensor
    velocity: Velocity
    region: Region | None

    def held(self, latents: Tensor, sigma: Tensor) -> Tensor:
        return latents if self.region is None else self.region.held(latents, sigma)


class KleinEngine(Alone):
    """The one engine of the process. Not thread-safe: the dispatcher's thread owns it."""

    def __init__(
        self,
        pipeline: Any,
        row: ModelRow,
        origin: Origin,
        cache_bytes: int,
        pictures: Pictures,
        spare_bytes: int = 0,
        loras: Loras | None = None,
        *,
        trims_text: bool = False,
        recorder: Recorder | None = None,
        attention: str = backends.NATIVE,
    ) -> None:
        """Caches take `cache_bytes` in all; the keys and values of references, where the weights
        are trained for them to stay, may take `spare_bytes` of the device where that is more.
        The LoRAs that were used last are beside the weights and no cache. With a `recorder` small
        steps become graphs."""
        self._pipeline = pipeline
        self._origin = origin
        self._ways = ways_of(pipeline)
        keeps = keeps_keys(pipeline.transformer)
        keys_bytes = int(cache_bytes * KEYS_SHARE) if keeps else 0
        rest = cache_bytes - keys_bytes
        self._frames: ByteLRU[FrameKey, Frame] = ByteLRU(int(rest * FRAMES_SHARE))
        self._prompts = PromptEncoder(
            pipeline, row, int(rest * PROMPTS_SHARE), trims_text=trims_text
        )
        channels = int(pipeline.transformer.config.in_channels)
        self._noise = NoiseField(channels, int(rest * NOISE_SHARE))
        revision = origin.revision
        self._references = References(pipeline, pictures, revision, int(rest * REFERENCES_SHARE))
        self.encodings = Encodings(pipeline, self._prompts, self._references)
        self._regions = Regions(pictures, self._references, int(rest * FITTED_SHARE))
        self._adapters = Adapters(pipeline.transformer, loras, int(rest * LORAS_SHARE))
        self._attention = attention
        self._graphs: StepGraphs | None = None
        if recorder is not None:
            self._graphs = StepGraphs(
                pipeline.transformer, recorder, layout=lambda: self._adapters.layout
            )
        self._keys: ReferenceKeys | None = None
        if keeps:
            keys_bytes = max(keys_bytes, spare_bytes)
            self._keys = ReferenceKeys(pipeline.transformer, revision, keys_bytes)
        self._plans = Plans(pipeline)
        self.decodes = 0

    @property
    def origin(self) -> Origin:
        """The weights, device and build behind the frames."""
        return self._origin

    @property
    def together(self) -> "KleinEngine":
        """Itself: it makes several pictures at once."""
        return self

    @property
    def prompts_encoded(self) -> int:
        """How many prompts went through the text encoder."""
        return self._prompts.encoded

    @property
    def references_encoded(self) -> int:
        """How many pictures went through the VAE's encoder, one for each size it was shown at."""
        return self._references.encoded

    @property
    def loras_read(self) -> int:
        """How many files of LoRAs were read."""
        return self._adapters.files_read

    @property
    def steps_recorded(self) -> int:
        """How many steps were recorded as graphs; each shape of a picture is one."""
        return 0 if self._graphs is None else self._graphs.recorded

    @property
    def keys_extracted(self) -> int:
        """How often keys and values of references were computed; KV-trained weights only."""
        return 0 if self._keys is None else self._keys.extracted

    def cache_stats(self) -> dict[str, CacheStats]:
        """Counts and sizes of the caches, by what they hold."""
        stats = {
            "frames": self._frames.stats(),
            "prompts": self._prompts.stats(),
            "noise": self._noise.stats(),
            "references": self._references.stats(),
            "fitted": self._regions.stats(),
            "loras": self._adapters.stats(),
        }
        return stats if self._keys is None else {**stats, "keys": self._keys.stats()}

    def has(self, request: Request) -> bool:
        """Whether the frame of `request` is cached."""
        try:
            return self._key(request) in self._frames
        except InvalidLora:
            return False

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """The frame of `request`, from the cache or made now. See `contract.Engine`.

        Raises `InvalidPicture` where a reference or mask is gone, `InvalidLora` where a LoRA is,
        or is of no use, `OutOfMemory` where the memory is too small; the next render goes on.
        """
        key = self._key(request)
        cached = self._frames.get(key)
        if cached is not None:
            return replace(cached, stage=stage, timings=Timings(cached=True))
        with named():
            frame = self._make(request, stage, hooks)
        self._frames.put(key, frame, frame.pixels.nbytes)
        return frame

    def bucket(self, request: Request) -> Hashable | None:
        """Pictures without images or blend, of one size, length of text, guidance and LoRAs.

        See `contract.Together`.
        """
        if request.references or request.blend is not None:
            return None
        try:
            files = self._adapters.files(request.loras)
        except InvalidLora:
            return None
        scales = tuple(lora.scale for lora in request.loras if lora.scale != 0)
        size = (request.width, request.height, request.steps)
        scale = request.guidance_scale
        heeded = self._ways.asks_twice(scale) or self._ways.tells
        return size, scale if heeded else 1.0, files, scales, self._prompts.length(request.prompt)

    def render_together(self, renders: Sequence[Render]) -> Iterator[tuple[int, Outcome]]:
        """See `contract.Together`. The frames go into the cache, and record their batch."""
        with named():
            for place, outcome in self._make_together(renders):
                if isinstance(outcome, Frame):
                    self._frames.put(self._key(outcome.request), outcome, outcome.pixels.nbytes)
                yield place, outcome

    def warm_up(self, request: Request) -> None:
        """Render once without keeping the frame."""
        with named():
            self._make(request, Stage.FINAL, Hooks())

    def held(self) -> Held:
        """See `contract.Engine`."""
        uses = {
            name: Use(one.held_bytes, one.max_bytes) for name, one in self.cache_stats().items()
        }
        return Held(uses, allocated_bytes())

    def relieve(self) -> None:
        """Let go of all but the weights, and hear whether the device still answers. See
        `contract.Engine`."""
        parts = (self._frames, self._prompts, self._noise, self._references, self._regions)
        for part in (*parts, self._adapters, self._plans, self._keys, self._graphs):
            if part is not None:
                part.clear()
        with named():
            release()
            wait_for(self._pipeline._execution_device)

    def close(self) -> None:
        """Let go of weights and caches; nothing else can be asked of it then."""
        self._adapters.clear()
        # Not only the pipeline: prompts, references, keys and plans all know it.
        vars(self).clear()
        release()

    def _key(self, request: Request) -> FrameKey:
        """The request names its LoRAs, and the files of these names may change."""
        return request, self._adapters.files(request.loras)

    @torch.inference_mode()
    def _make(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        watch = Stopwatch(self._pipeline._execution_device)
        job = self._encoded(request, watch)

        def preview(latents: Tensor, velocity: Tensor) -> None:
            if hooks.preview is not None and job.plan.steps > 1:
                hooks.preview(self._preview(job, latents, velocity))

        with watch.part("denoise"):
            latents = denoise(
                job.noise, job.plan.sigmas, job.velocity, job.held, hooks, after_first=preview
            )
        with watch.part("decode"):
            pixels = self._finished(latents, job)
        return self._frame(job, stage, pixels, watch.timings())

    @torch.inference_mode()
    def _make_together(self, renders: Sequence[Render]) -> Iterator[tuple[int, Outcome]]:
        """Only the steps are of all; prompts and pictures are encoded and decoded one by one, as
        alone."""
        jobs: list[_Job] = []
        places: list[int] = []
        watches: list[Stopwatch] = []
        for place, one in enumerate(renders):
            watch = Stopwatch(self._pipeline._execution_device)
            try:
                jobs.append(self._encoded(one.request, watch))
            except KleinError as error:
                yield place, error
            else:
                places.append(place)
                watches.append(watch)
        if not jobs:
            return
        hooks = [renders[place].hooks for place in places]

        def preview(seat: int, latents: Tensor, velocity: Tensor) -> None:
            show, job = hooks[seat].preview, jobs[seat]
            if show is not None and job.plan.steps > 1:
                show(self._preview(job, latents, velocity))

        noises, velocities = [job.noise for job in jobs], [job.velocity for job in jobs]
        steps = Stopwatch(self._pipeline._execution_device)
        with steps.part("denoise"):
            done = denoise_together(noises, jobs[0].plan.sigmas, velocities, hooks, preview)
        for seat, (place, job, watch) in enumerate(zip(places, jobs, watches, strict=True)):
            one, latents = renders[place], done.latents.get(seat)
            # Those before it were decoded meanwhile, so it is asked once more.
            if latents is None or one.hooks.superseded(job.plan.steps):
                yield place, Superseded()
                continue
            with watch.part("decode"):
                pixels = self._finished(latents, job)
            timings = replace(watch.timings(), denoise_s=steps.timings().denoise_s)
            frame = self._frame(job, one.stage, pixels, timings)
            path = f"{frame.origin.path}, {done.path}"
            yield place, replace(frame, origin=replace(frame.origin, path=path))

    def _encoded(self, request: Request, watch: Stopwatch) -> _Job:
        with watch.part("encode"):
            prompt = blended_prompt(self._prompts, request)
            guided = self._ways.asks_twice(request.guidance_scale)
            without = self._prompts.encode("") if guided else None
        with watch.part("images"):
            return self._prepared(request, prompt, without)

    def _prepared(
        self, request: Request, prompt: PromptEmbeds, without: PromptEmbeds | None = None
    ) -> _Job:
        """`without` are the embeddings of the empty prompt where the render is guided."""
        self._adapters.use(request.loras)
        plan = self._plans.plan(request.height // GRID_PX, request.width // GRID_PX, request.steps)
        field = blended_noise(self._noise, request, plan.rows, plan.columns)
        field = field.to(prompt.embeds.device, prompt.embeds.dtype)
        noise = self._pipeline._pack_latents(field)
        region = self._regions.of(request, noise)
        looked_at = placed(request, self._references)
        told = self._ways.told(request.guidance_scale)
        velocity = self._velocity(looked_at, prompt, plan, told)
        if without is not None:
            unprompted = self._velocity(looked_at, without, plan, told)
            velocity = GuidedVelocity(velocity, unprompted, request.guidance_scale)
        return _Job(request, prompt, plan, noise, velocity, region)

    def _velocity(
        self, looked_at: Sequence[Placed], prompt: PromptEmbeds, plan: Plan, told: Tensor | None
    ) -> Velocity:
        """The way the stock pipeline of these weights would take."""
        transformer = self._graphs or self._pipeline.transformer
        forward = Forward(transformer, prompt, plan, told)
        if not looked_at:
            return PlainVelocity(forward)
        if self._keys is not None:
            return KeptVelocity(forward, self._keys.of(looked_at, self._adapters.in_use))
        before = prompt.embeds.shape[1] + plan.rows * plan.columns
        bias = attention(looked_at, before, transformer.dtype)
        if self._attention in backends.MASKLESS:
            kernels = backends.NATIVE if bias else self._attention
            backends.use(self._pipeline.transformer, kernels)
        return JointVelocity(forward, in_a_row(looked_at), bias)

    def _preview(self, job: _Job, latents: Tensor, velocity: Tensor) -> Frame:
        """What the first step thinks the picture is: x0 = x - sigma * velocity."""
        watch = Stopwatch(self._pipeline._execution_device)
        with watch.part("decode"):
            guess = latents.float() - job.plan.sigmas[0] * velocity
            clean = job.held(guess.to(latents.dtype), job.plan.sigmas[-1])
            pixels = self._finished(clean, job)
        return self._frame(job, Stage.PREVIEW, pixels, watch.timings())

    def _finished(self, latents: Tensor, job: _Job) -> Pixels:
        pixels = self._decode(latents, job.plan)
        return pixels if job.region is None else job.region.finished(pixels)

    def _decode(self, latents: Tensor, plan: Plan) -> Pixels:
        self.decodes += 1
        vae = self._pipeline.vae
        grid = latents.reshape(1, plan.rows, plan.columns, -1).permute(0, 3, 1, 2)
        mean = vae.bn.running_mean.view(1, -1, 1, 1).to(grid.device, grid.dtype)
        variance = vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps
        grid = grid * torch.sqrt(variance).to(grid.device, grid.dtype) + mean
        image = vae.decode(self._pipeline._unpatchify_latents(grid), return_dict=False)[0]
        image = (image * 0.5 + 0.5).clamp(0, 1)[0].permute(1, 2, 0)
        pixels: Pixels = image.float().mul(255).round().to(torch.uint8).cpu().numpy()
        return pixels

    def _frame(self, job: _Job, stage: Stage, pixels: Pixels, timings: Timings) -> Frame:
        notes: list[str] = []
        if job.prompt.cut_tokens:
            notes.append(CUT)
        partly = any(0 < one.strength < 1 for one in job.request.references)
        if partly and self._keys is not None:
            notes.append(WHOLE_OR_NOT)
        digests = tuple(digest for digest, _ in self._adapters.in_use)
        origin = replace(self._origin, loras=digests) if digests else self._origin
        return Frame(job.request, stage, pixels, timings, origin, tuple(notes))
