"""Edit instructions: words about references, and the scene that should come out.

An :class:`Edit` has one to three reference scenes. For every attribute of the result ``sources``
names where it comes from: a value that the words give, or one of the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from klein_ui.postcard.captions import coloured, pick, random_caption, says_something
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

IMAGES = ("image 1", "image 2", "image 3")

GROUPS: dict[str, tuple[str, ...]] = {
    "sky": ("sky", "light", "light_colour"),
    "light": ("light", "light_colour"),
    "terrain": ("terrain", "terrain_colour"),
    "object": ("object", "object_colour"),
    "background": ("sky", "light", "light_colour", "terrain", "terrain_colour"),
    "colours": ("light_colour", "terrain_colour", "object_colour"),
    "style": ("style",),
}

_GROUP_WORDS: dict[str, tuple[str, ...]] = {
    "sky": ("sky", "weather", "hour", "time of day"),
    "light": ("light", "sun", "moon"),
    "terrain": ("terrain", "land", "landscape", "ground"),
    "object": ("object", "thing", "subject"),
    "background": ("background", "scenery"),
    "colours": ("colours", "colors", "palette"),
    "style": ("style", "look", "technique"),
}

# One value of many, and yet the most usual of all edits.
_REMOVED = 0.35

_NOUNS = {"light": LIGHT_WORDS, "terrain": TERRAIN_WORDS, "object": OBJECT_WORDS}


@dataclass(frozen=True)
class Edit:
    """An instruction.

    Attributes:
        text: the words.
        sources: for each attribute a value of it, or ``"image 1"``, ``"image 2"``, ....
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


def random_edit(references: tuple[Scene, ...], rng: np.random.Generator) -> Edit:
    """An instruction that changes one or two attributes of the first image."""
    scene = references[0]
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
    text = " and ".join(phrases)
    return Edit(_dress(text, rng), sources, references, apply_sources(sources, references))


def random_blend(references: tuple[Scene, ...], rng: np.random.Generator) -> Edit:
    """An instruction that takes some of the other images into one of them."""
    images = IMAGES[: len(references)]
    by_role = rng.random() < 0.4
    base = images[0] if by_role or rng.random() < 0.6 else pick(rng, images)
    others = [image for image in images if image != base]
    rng.shuffle(others)
    others = others[: 1 if rng.random() < 0.3 else len(others)]
    sources = dict.fromkeys(ATTRIBUTE_VALUES, base)
    told, began = [], ""
    for other in others:
        free = [g for g, names in GROUPS.items() if all(sources[n] == base for n in names)]
        group = pick(rng, tuple(free))
        sources.update(dict.fromkeys(GROUPS[group], other))
        told.append((group, other))
    if by_role and rng.random() < 0.4:
        began = _edit_the_rest(references[0], sources, rng)
    text = _role_words(began, told, rng) if by_role else _blend_words(told, base, rng)
    return Edit(_dress(text, rng), sources, references, apply_sources(sources, references))


def unfinished_edit(references: tuple[Scene, ...], rng: np.random.Generator) -> Edit:
    """The first letters of an instruction, which say nothing yet: the first image stays."""
    whole = random_edit(references, rng).text
    ends = [e for e in range(len(whole)) if not says_something(whole[:e])]
    sources = dict.fromkeys(ATTRIBUTE_VALUES, IMAGES[0])
    return Edit(whole[: ends[int(rng.integers(len(ends)))]], sources, references, references[0])


def caption_as_edit(text: str, mentions: Mapping[str, str], references: tuple[Scene, ...]) -> Edit:
    """A plain caption used on a reference: what it names changes, the rest stays."""
    sources = dict.fromkeys(ATTRIBUTE_VALUES, IMAGES[0])
    sources.update(mentions)
    return Edit(text, sources, references, apply_sources(sources, references))


def draw_edit(references: int, rng: np.random.Generator) -> Edit:
    """An instruction about random scenes; one that needs only the first image, sometimes."""
    scenes = tuple(random_caption(rng).scene for _ in range(references))
    kind = rng.random()
    if kind < 0.08:
        return unfinished_edit(scenes, rng)
    if references > 1 and kind < 0.85:
        return random_blend(scenes, rng)
    if kind < 0.28:
        caption = random_caption(rng)
        return caption_as_edit(caption.text, caption.mentions, scenes)
    return random_edit(scenes, rng)


def _edit_the_rest(scene: Scene, sources: dict[str, str], rng: np.random.Generator) -> str:
    """Change one attribute that no other image gives, in place; the words."""
    names = [n for n in ATTRIBUTE_VALUES if sources[n] == IMAGES[0] and _can_change(scene, n)]
    if not names:
        return ""
    name = pick(rng, tuple(names))
    sources[name] = _other_value(scene, name, rng)
    return _phrase(scene, name, sources[name], rng)


def _can_change(scene: Scene, name: str) -> bool:
    thing = name.removesuffix("_colour")
    return thing == name or getattr(scene, thing) != NONE


def _other_value(scene: Scene, name: str, rng: np.random.Generator) -> str:
    removable = NONE in ATTRIBUTE_VALUES[name] and getattr(scene, name) != NONE
    if removable and rng.random() < _REMOVED:
        return NONE
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


def _blend_words(told: list[tuple[str, str]], base: str, rng: np.random.Generator) -> str:
    parts = [f"the {pick(rng, _GROUP_WORDS[group])} of {other}" for group, other in told]
    part = " and ".join(parts)
    options = [
        f"{base} with {part}",
        f"put {part} into {base}",
        f"{base} in {part}",
        f"{part} in {base}",
        f"use {part.replace(' of ', ' from ')} in {base}",
    ]
    if len(told) == 1 and told[0][0] in ("sky", "light"):
        land = pick(rng, _GROUP_WORDS["terrain"])
        options.append(f"{part} over the {land} of {base}")
    return _one_of(rng, *options)


def _role_words(began: str, told: list[tuple[str, str]], rng: np.random.Generator) -> str:
    """A sentence for each image, as the gallery's roles put them."""
    form = _one_of(rng, "use the {part} of {other}", "take the {part} from {other}")
    roles = [form.format(part=pick(rng, _GROUP_WORDS[g]), other=other) for g, other in told]
    sentences = [began, *roles] if began else roles
    if rng.random() < 0.5:
        return ", ".join(sentences)
    return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences) + "."


def _one_of(rng: np.random.Generator, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _dress(text: str, rng: np.random.Generator) -> str:
    """A polite word, a capital or a full stop, sometimes."""
    if rng.random() < 0.08:
        text = f"please {text}"
    if rng.random() < 0.15:
        text = text[:1].upper() + text[1:]
    return text + "." if rng.random() < 0.08 and not text.endswith(".") else text
