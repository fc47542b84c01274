"""Prompts to type: different ones each time, always the same ones for a seed."""

import random

WORDS = (
    "amber", "beach", "cabin", "desert", "dune", "dusk", "evening", "field", "fog", "forest",
    "garden", "harbour", "hill", "island", "lake", "lighthouse", "meadow", "moon", "morning",
    "mountain", "neon", "noon", "ocean", "pine", "quiet", "river", "road", "sail", "snow", "storm",
    "sunset", "tower", "train", "valley", "village", "water", "windmill", "winter", "yellow",
)  # fmt: skip


def prompts(count: int, length: int, seed: int) -> tuple[str, ...]:
    """`count` different prompts of exactly `length` letters and spaces, ending in a letter."""
    chance = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        words = " ".join(chance.choice(WORDS) for _ in range(length))
        prompt = words[:length]
        if not prompt.endswith(" "):
            made[prompt] = None
    return tuple(made)
