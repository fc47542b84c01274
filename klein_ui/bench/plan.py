"""How much a run types."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """`keys` single keys, then `runs` prompts at speed; the same letters for the same `seed`."""

    keys: int
    runs: int
    seed: int = 1
