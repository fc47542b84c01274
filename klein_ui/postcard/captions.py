"""Captions: from what is said to words, and from what is said to a scene.

``Mentions`` holds the attribute values that a text names. :func:`resolve` completes them to a
scene with defaults that depend on the other values, and :func:`write` words them. A text that is
still being typed is one that ends in a piece of a further phrase, which says nothing yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from klein_ui.postcard.lexicon import (
    COLOUR_WORDS,
    FILLERS,
    LIGHT_WORDS,
    NO_LIGHT_PHRASES,
    NO_OBJECT_PHRASES,
    OBJECT_WORDS,
    OPENINGS,
    SKY_ADVERBS,
    SKY_NOUNS,
    STRANGE_WORDS,
    STYLE_PHRASES,
    TERRAIN_WORDS,
)
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, NATURAL, NONE, Scene

Mentions = Mapping[str, str]

_NOUNS = {"light": LIGHT_WORDS, "terrain": TERRAIN_WORDS, "object": OBJECT_WORDS}
_PREPOSITIONS = ("over", "by", "on", "under", "behind", "near")
_MENTION_SHARE = {"sky": 0.68, "light": 0.45, "terrain": 0.8, "object": 0.55, "style": 0.35}
_COLOUR_SHARE = {"light": 0.55, "terrain": 0.42, "object": 0.6}


@dataclass(frozen=True)
class Caption:
    """A text, what it names, and the scene it stands for."""

    text: str
    mentions: Mentions
    scene: Scene


def resolve(mentions: Mentions) -> Scene:
    """The scene for what is said; what is not said gets its usual value."""
    said = dict(mentions)
    if "sky" not in said:
        said["sky"] = "night" if said.get("light") == "moon" else "day"
    if "light" not in said:
        usual = {"night": "moon", "storm": NONE, "fog": NONE}
        said["light"] = usual.get(said["sky"], "sun")
    if "terrain" not in said:
        said["terrain"] = "sea" if said.get("object") == "boat" else "hills"
    return Scene(**said)


def random_mentions(rng: np.random.Generator) -> dict[str, str]:
    """What a text may name: any subset, each value as likely as the next."""
    density = rng.choice((0.0, 0.6, 1.0, 1.35), p=(0.02, 0.28, 0.40, 0.30))
    said: dict[str, str] = {}
    for name, share in _MENTION_SHARE.items():
        if rng.random() < share * density:
            said[name] = _random_value(name, rng)
    for name, share in _COLOUR_SHARE.items():
        if said.get(name, NONE) != NONE and rng.random() < share:
            said[f"{name}_colour"] = pick(rng, tuple(COLOUR_WORDS))
    return said


def write(mentions: Mentions, rng: np.random.Generator, plain: bool = False) -> str:
    """Words for what is said, in any order; ``plain`` leaves out all noise."""
    phrases = [_phrase(name, mentions, rng, plain) for name in _order(mentions, rng)]
    text = _join(phrases, rng)
    if plain:
        return text
    if rng.random() < 0.25:
        text = f"{pick(rng, OPENINGS)} {text}"
    if rng.random() < 0.10:
        text = _insert(text, pick(rng, STRANGE_WORDS), rng)
    if rng.random() < 0.06:
        text = _misspell(text, rng)
    if rng.random() < 0.35:
        text = _dangle(text, mentions, rng)
    return _dress(text, rng)


def random_caption(rng: np.random.Generator, plain: bool = False) -> Caption:
    """A caption with its scene."""
    mentions = random_mentions(rng)
    return Caption(write(mentions, rng, plain), mentions, resolve(mentions))


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """One of the options, each as likely as the next."""
    return options[int(rng.integers(len(options)))]


def _random_value(name: str, rng: np.random.Generator) -> str:
    values = ATTRIBUTE_VALUES[name]
    if values[0] == NONE:
        # Saying that something is absent is rare in prompts.
        return NONE if rng.random() < 0.05 else pick(rng, values[1:])
    return pick(rng, values)


def _order(mentions: Mentions, rng: np.random.Generator) -> list[str]:
    """The usual order of a sentence, or any."""
    names = [n for n in ("object", "light", "terrain", "sky", "style") if n in mentions]
    if rng.random() < 0.6:
        rng.shuffle(names)
    return names


def _phrase(name: str, mentions: Mentions, rng: np.random.Generator, plain: bool) -> str:
    value = mentions[name]
    if name == "sky":
        return pick(rng, SKY_ADVERBS[value] + SKY_NOUNS[value])
    if name == "style":
        return pick(rng, STYLE_PHRASES[value])
    if value == NONE:
        return pick(rng, NO_LIGHT_PHRASES if name == "light" else NO_OBJECT_PHRASES)
    noun = pick(rng, _NOUNS[name][value])
    colour = mentions.get(f"{name}_colour", NATURAL)
    if not plain and rng.random() < 0.15:
        noun = f"{pick(rng, FILLERS)} {noun}"
    if colour != NATURAL:
        noun = coloured(noun, pick(rng, COLOUR_WORDS[colour]), rng)
    article = ("", "a ", "the ") if name != "terrain" else ("", "", "the ", "a ")
    return pick(rng, article) + noun


def coloured(noun: str, colour: str, rng: np.random.Generator) -> str:
    """A noun with its colour, before or after it."""
    form = rng.random()
    if form < 0.86:
        return f"{colour} {noun}"
    return f"{noun} in {colour}" if form < 0.93 else f"{noun} that is {colour}"


def _join(phrases: list[str], rng: np.random.Generator) -> str:
    joints = (", ", ", ", " ", " and ", " with ", *(f" {word} " for word in _PREPOSITIONS))
    text = ""
    for index, phrase in enumerate(phrases):
        text += (pick(rng, joints) if index else "") + phrase
    return text


def _insert(text: str, word: str, rng: np.random.Generator) -> str:
    words = text.split(" ")
    # Not between a colour and its noun: there a strange word would be a riddle.
    place = 0 if rng.random() < 0.5 else len(words)
    return " ".join([*words[:place], word, *words[place:]]).strip()


def _misspell(text: str, rng: np.random.Generator) -> str:
    """Swap or drop a letter in the middle of one long word."""
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if len(w) >= 6 and w.isalpha()]
    if not long:
        return text
    index = long[int(rng.integers(len(long)))]
    word, at = words[index], int(rng.integers(2, len(words[index]) - 2))
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[index] = swapped if rng.random() < 0.5 else word[:at] + word[at + 1 :]
    return " ".join(words)


def _dangle(text: str, mentions: Mentions, rng: np.random.Generator) -> str:
    """Begin one more phrase, and stop before it says anything."""
    missing = [n for n in _MENTION_SHARE if n not in mentions]
    opened = pick(rng, (" ", " ", ", ", " and ", " with ", " over a ", " and a "))
    if not missing or rng.random() < 0.2:
        return text + opened[: int(rng.integers(1, len(opened) + 1))]
    name = missing[int(rng.integers(len(missing)))]
    if name in _NOUNS and rng.random() < 0.5:
        word = pick(rng, COLOUR_WORDS[pick(rng, tuple(COLOUR_WORDS))])
        return text + opened + word[: int(rng.integers(1, len(word) + 1))]
    phrase = _phrase(name, {name: _random_value(name, rng)}, rng, plain=True)
    head, _, last = phrase.rpartition(" ")
    # A plural without its s, or a word but for one letter, is understood already.
    stop = int(rng.integers(0, max(1, min(len(last) - 2, 4))))
    dangling = f"{head} {last[:stop]}" if head else last[:stop]
    return text + opened + dangling if not says_something(dangling) else text + opened


def says_something(text: str) -> bool:
    """Whether a piece of text holds a complete word with a meaning."""
    return any(word in _MEANINGFUL for word in text.replace("-", " ").split())


def _meaningful_words() -> frozenset[str]:
    tables = (SKY_ADVERBS, SKY_NOUNS, LIGHT_WORDS, TERRAIN_WORDS, OBJECT_WORDS, STYLE_PHRASES)
    phrases = [p for table in tables for options in table.values() for p in options]
    phrases += [*NO_LIGHT_PHRASES, *NO_OBJECT_PHRASES]
    empty = {"a", "an", "the", "in", "at", "by", "on", "with", "and", "as"}
    return frozenset(word for phrase in phrases for word in phrase.split()) - empty


_MEANINGFUL = _meaningful_words()


def _dress(text: str, rng: np.random.Generator) -> str:
    """Capitals and a full stop, sometimes."""
    form = rng.random()
    if form < 0.12:
        text = text[:1].upper() + text[1:]
    elif form < 0.15:
        text = text.upper()
    elif form < 0.18:
        text = text.title()
    return text + "." if rng.random() < 0.06 else text
