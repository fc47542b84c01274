"""Renders with the components of one `Flux2KleinPipeline`, equal to its `__call__`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.contract import (
    Frame,
    Hooks,
    Origin,
    Pixels,
    Request,
    Stage,
    Superseded,
    Timings,
)
from klein_ui.engine.noise import NoiseField
from klein_ui.engine.schedule import Plan, Plans
from klein_ui.engine.text import PromptEmbeds, PromptEncoder
from klein_ui.models import GRID_PX, ModelRow

# Of the memory for caches: most to finished frames, which cost the most to make again.
FRAMES_SHARE, PROMPTS_SHARE, NOISE_SHARE = 0.5, 0.25, 0.25


class KleinEngine:
    """The one engine of the process. Not thread-safe: the dispatcher's thread owns it."""

    def __init__(self, pipeline: Any, row: ModelRow, origin: Origin, cache_bytes: int) -> None:
        self._pipeline = pipeline
        self._origin = origin
        self._frames: ByteLRU[Request, Frame] = ByteLRU(int(cache_bytes * FRAMES_SHARE))
        self._prompts = PromptEncoder(pipeline, row, int(cache_bytes * PROMPTS_SHARE))
        channels = int(pipeline.transformer.config.in_channels)
        self._noise = NoiseField(channels, int(cache_bytes * NOISE_SHARE))
        self._plans = Plans(pipeline)
        self.decodes = 0

    @property
    def origin(self) -> Origin:
        """The weights, device and build behind the frames."""
        return self._origin

    @property
    def prompts_encoded(self) -> int:
        """How many prompts went through the text encoder."""
        return self._prompts.encoded

    def cache_stats(self) -> dict[str, CacheStats]:
        """Counts and sizes of the caches, by what they hold."""
        return {
            "frames": self._frames.stats(),
            "prompts": self._prompts.stats(),
            "noise": self._noise.stats(),
        }

    def has(self, request: Request) -> bool:
        """Whether the frame of `request` is cached."""
        return request in self._frames

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """The frame of `request`, from the cache or made now. See `contract.Engine`."""
        cached = self._frames.get(request)
        if cached is not None:
            return replace(cached, stage=stage, timings=Timings(cached=True))
        frame = self._make(request, stage, hooks)
        self._frames.put(request, frame, frame.pixels.nbytes)
        return frame

    def warm_up(self, request: Request) -> None:
        """Render once without keeping the frame."""
        self._make(request, Stage.FINAL, Hooks())

    def close(self) -> None:
        """Let go of weights and caches."""
        self._frames.clear()
        self._pipeline = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _make(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        watch = _Stopwatch()
        with watch.part("encode"):
            prompt = self._prompts.encode(request.prompt)
        with watch.part("denoise"):
            plan = self._plans.plan(
                request.height // GRID_PX, request.width // GRID_PX, request.steps
            )
            latents = self._denoise(request, prompt, plan, hooks)
        with watch.part("decode"):
            pixels = self._decode(latents, plan)
        return self._frame(request, stage, pixels, watch.timings(), prompt)

    def _denoise(self, request: Request, prompt: PromptEmbeds, plan: Plan, hooks: Hooks) -> Tensor:
        """Clean latents, shape (1, tokens, channels). Raises `Superseded` between steps."""
        noise = self._noise.latents(request.seed, plan.rows, plan.columns)
        latents = noise.to(prompt.embeds.device, prompt.embeds.dtype)
        latents = self._pipeline._pack_latents(latents)
        _ask(hooks, 0)
        for step in range(plan.steps):
            velocity = self._velocity(latents, prompt, plan, step)
            moved = euler(latents, velocity, plan.sigmas, step)
            _wait_for_device(moved)
            _ask(hooks, step + 1)
            if step == 0 and hooks.preview is not None and plan.steps > 1:
                hooks.preview(self._preview(request, prompt, plan, latents, velocity))
            latents = moved
        return latents

    def _velocity(self, latents: Tensor, prompt: PromptEmbeds, plan: Plan, step: int) -> Tensor:
        transformer = self._pipeline.transformer
        timestep = plan.timesteps[step].expand(latents.shape[0]).to(latents.dtype)
        with transformer.cache_context("cond"):
            velocity: Tensor = transformer(
                hidden_states=latents.to(transformer.dtype),
                timestep=timestep / 1000,
                guidance=None,
                encoder_hidden_states=prompt.embeds,
                txt_ids=prompt.text_ids,
                img_ids=plan.latent_ids,
                return_dict=False,
            )[0]
        return velocity[:, : latents.size(1)]

    def _preview(
        self, request: Request, prompt: PromptEmbeds, plan: Plan, latents: Tensor, velocity: Tensor
    ) -> Frame:
        """What the first step thinks the picture is: x0 = x - sigma * velocity."""
        watch = _Stopwatch()
        with watch.part("decode"):
            guess = latents.float() - plan.sigmas[0] * velocity
            pixels = self._decode(guess.to(latents.dtype), plan)
        return self._frame(request, Stage.PREVIEW, pixels, watch.timings(), prompt)

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

    def _frame(
        self,
        request: Request,
        stage: Stage,
        pixels: Pixels,
        timings: Timings,
        prompt: PromptEmbeds,
    ) -> Frame:
        notes: tuple[str, ...] = ()
        if prompt.cut_tokens:
            notes = ("The end of the prompt is beyond what this model reads; shorten it.",)
        return Frame(request, stage, pixels, timings, self._origin, notes)


def euler(latents: Tensor, velocity: Tensor, sigmas: Tensor, step: int) -> Tensor:
    """One step of `FlowMatchEulerDiscreteScheduler`: in float32, then back to the model's type."""
    moved = latents.to(torch.float32) + (sigmas[step + 1] - sigmas[step]) * velocity
    return moved.to(velocity.dtype)


def _wait_for_device(latents: Tensor) -> None:
    """A GPU lags behind the CPU: without waiting, all steps are queued at the first ask."""
    if latents.is_cuda:
        torch.cuda.current_stream(latents.device).synchronize()
    elif latents.device.type == "mps":
        torch.mps.synchronize()


def _ask(hooks: Hooks, steps_done: int) -> None:
    if hooks.superseded(steps_done):
        raise Superseded


class _Stopwatch:
    """Seconds spent in the parts of one render."""

    def __init__(self) -> None:
        self._parts_s: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._parts_s[name] = time.perf_counter() - started

    def timings(self) -> Timings:
        return Timings(
            encode_s=self._parts_s.get("encode", 0.0),
            denoise_s=self._parts_s.get("denoise", 0.0),
            decode_s=self._parts_s.get("decode", 0.0),
        )
