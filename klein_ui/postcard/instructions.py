"""Edit instructions: words about references, and the scene that should come out.

An :class:`Edit` has one or two reference scenes. For every attribute of the result ``sources``
names where it comes from: a value that the words give, or one of the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from klein_ui.postcard.captions import coloured, pick
from klein_ui.postcard.lexicon import (
    COLOUR_WORDS,
    LIGHT_WORDS,
    OBJECT_WORDS,
    SKY_ADVERBS,
    SKY_NOUNS,
    STYLE_PHRASES,
    TERRAIN_WORDS,
)
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, NONE, Scene

IMAGES = ("image 1", "image 2")

GROUPS: dict[str, tuple[str, ...]] = {
    "sky": ("sky", "light", "light_colour"),
    "light": ("light", "light_colour"),
    "terrain": ("terrain", "terrain_colour"),
    "object": ("object", "object_colour"),
    "colours": ("light_colour", "terrain_colour", "object_colour"),
    "style": ("style",),
}

_GROUP_WORDS: dict[str, tuple[str, ...]] = {
    "sky": ("sky", "weather", "hour", "time of day"),
    "light": ("light", "sun", "moon"),
    "terrain": ("terrain", "land", "landscape", "ground"),
    "object": ("object", "thing", "main object"),
    "colours": ("colours", "colors", "palette"),
    "style": ("style", "look", "technique"),
}

_NOUNS = {"light": LIGHT_WORDS, "terrain": TERRAIN_WORDS, "object": OBJECT_WORDS}


@dataclass(frozen=True)
class Edit:
    """An instruction.

    Attributes:
        text: the words.
        sources: for each attribute a value of it, or ``"image 1"`` or ``"image 2"``.
        references: the scenes of the images.
        target: the scene that should come out.
    """

    text: str
    sources: Mapping[str, str]
    references: tuple[Scene, ...]
    target: Scene


def apply_sources(sources: Mapping[str, str], references: tuple[Scene, ...]) -> Scene:
    """The scene that takes each attribute from where it is said to come."""
    values = {}
    for name in ATTRIBUTE_VALUES:
        source = sources[name]
        scene = references[IMAGES.index(source)] if source in IMAGES else None
        values[name] = getattr(scene, name) if scene else source
    return Scene(**values)


def random_edit(scene: Scene, rng: np.random.Generator) -> Edit:
    """An instruction that changes one or two attributes of a scene."""
    sources = dict.fromkeys(ATTRIBUTE_VALUES, IMAGES[0])
    names = [n for n in ATTRIBUTE_VALUES if _can_change(scene, n)]
    count = 2 if rng.random() < 0.15 else 1
    chosen = [names[int(i)] for i in rng.choice(len(names), size=count, replace=False)]
    if len({n.removesuffix("_colour") for n in chosen}) < len(chosen):
        chosen = chosen[:1]
    phrases = []
    for name in chosen:
        value = _other_value(scene, name, rng)
        sources[name] = value
        if name in _NOUNS and value == NONE:
            sources[f"{name}_colour"] = IMAGES[0]
        phrases.append(_phrase(scene, name, value, rng))
    references = (scene,)
    text = " and ".join(phrases)
    return Edit(_dress(text, rng), sources, references, apply_sources(sources, references))


def random_blend(first: Scene, second: Scene, rng: np.random.Generator) -> Edit:
    """An instruction that takes some of one image into the other."""
    base, other = IMAGES if rng.random() < 0.7 else IMAGES[::-1]
    group = pick(rng, tuple(GROUPS))
    sources = dict.fromkeys(ATTRIBUTE_VALUES, base)
    sources.update(dict.fromkeys(GROUPS[group], other))
    references = (first, second)
    text = _blend_words(group, base, other, rng)
    return Edit(_dress(text, rng), sources, references, apply_sources(sources, references))


def caption_as_edit(text: str, mentions: Mapping[str, str], scene: Scene) -> Edit:
    """A plain caption used on a reference: what it names changes, the rest stays."""
    sources = dict.fromkeys(ATTRIBUTE_VALUES, IMAGES[0])
    sources.update(mentions)
    return Edit(text, sources, (scene,), apply_sources(sources, (scene,)))


def _can_change(scene: Scene, name: str) -> bool:
    thing = name.removesuffix("_colour")
    return thing == name or getattr(scene, thing) != NONE


def _other_value(scene: Scene, name: str, rng: np.random.Generator) -> str:
    values = [v for v in ATTRIBUTE_VALUES[name] if v not in (getattr(scene, name), "natural")]
    return str(values[int(rng.integers(len(values)))])


def _phrase(scene: Scene, name: str, value: str, rng: np.random.Generator) -> str:
    if name == "sky":
        noun, adverb = pick(rng, SKY_NOUNS[value]), pick(rng, SKY_ADVERBS[value])
        return _one_of(
            rng, f"make it {noun}", f"change the sky to {noun}", f"turn it into {noun}", adverb,
            f"the same {adverb}", f"make the sky {noun}",
        )  # fmt: skip
    if name == "style":
        style = pick(rng, STYLE_PHRASES[value])
        return _one_of(
            rng, f"make it {style}", style, f"turn it into {style}", f"redraw it, {style}"
        )
    if name.endswith("_colour"):
        return _colour_phrase(scene, name.removesuffix("_colour"), value, rng)
    return _thing_phrase(name, str(getattr(scene, name)), value, rng)


def _colour_phrase(scene: Scene, thing: str, value: str, rng: np.random.Generator) -> str:
    noun = pick(rng, _NOUNS[thing][getattr(scene, thing)])
    colour = pick(rng, COLOUR_WORDS[value])
    return _one_of(
        rng, f"make the {noun} {colour}", f"turn the {noun} {colour}", f"paint the {noun} {colour}",
        f"change the {noun} to {colour}", coloured(noun, colour, rng),
    )  # fmt: skip


def _thing_phrase(name: str, old: str, new: str, rng: np.random.Generator) -> str:
    was = pick(rng, _NOUNS[name][old]) if old != NONE else ""
    if new == NONE:
        return _one_of(
            rng, f"remove the {was}", f"delete the {was}", f"no {was}", f"without the {was}"
        )
    noun = pick(rng, _NOUNS[name][new])
    article = "" if noun.endswith("s") or name == "terrain" else "a "
    if was:
        return _one_of(
            rng, f"replace the {was} with {article}{noun}", f"turn the {was} into {article}{noun}",
            f"change the {was} to {article}{noun}", f"{article}{noun} instead of the {was}",
        )  # fmt: skip
    return _one_of(rng, f"add {article}{noun}", f"put in {article}{noun}", f"with {article}{noun}")


def _blend_words(group: str, base: str, other: str, rng: np.random.Generator) -> str:
    part = pick(rng, _GROUP_WORDS[group])
    options = [
        f"{base} with the {part} of {other}",
        f"put the {part} of {other} into {base}",
        f"{base} in the {part} of {other}",
        f"the {part} of {other} in {base}",
        f"use the {part} from {other} in {base}",
    ]
    if group in ("sky", "light"):
        land = pick(rng, _GROUP_WORDS["terrain"])
        options.append(f"the {part} of {other} over the {land} of {base}")
    return _one_of(rng, *options)


def _one_of(rng: np.random.Generator, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _dress(text: str, rng: np.random.Generator) -> str:
    """A polite word, a capital or a full stop, sometimes."""
    if rng.random() < 0.08:
        text = f"please {text}"
    if rng.random() < 0.15:
        text = text[:1].upper() + text[1:]
    return text + "." if rng.random() < 0.08 else text
