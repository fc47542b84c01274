"""The grammar: words for every value, harmless noise, pieces that say nothing yet."""

import numpy as np

from klein_ui.postcard.captions import (
    random_caption,
    random_mentions,
    resolve,
    says_something,
    write,
)
from klein_ui.postcard.lexicon import (
    COLOUR_WORDS,
    LIGHT_WORDS,
    OBJECT_WORDS,
    SKY_ADVERBS,
    SKY_NOUNS,
    STYLE_PHRASES,
    TERRAIN_WORDS,
)
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, Scene


def test_every_value_has_words() -> None:
    for name, tables in {
        "sky": (SKY_ADVERBS, SKY_NOUNS),
        "light": (LIGHT_WORDS,),
        "terrain": (TERRAIN_WORDS,),
        "object": (OBJECT_WORDS,),
        "style": (STYLE_PHRASES,),
        "terrain_colour": (COLOUR_WORDS,),
    }.items():
        for table in tables:
            assert set(table) == set(ATTRIBUTE_VALUES[name]) - {"none", "natural"}


def test_nothing_said_is_a_pleasant_default() -> None:
    assert resolve({}) == Scene()


def test_defaults_follow_what_is_said() -> None:
    assert resolve({"sky": "night"}).light == "moon"
    assert resolve({"light": "moon"}).sky == "night"
    assert resolve({"object": "boat"}).terrain == "sea"
    assert resolve({"object": "boat", "terrain": "city"}).terrain == "city"


def test_captions_are_deterministic_by_seed() -> None:
    first, second = (random_caption(np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_plain_captions_hold_their_words() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        mentions = random_mentions(rng)
        text = write(mentions, rng, plain=True)
        if "style" in mentions:
            assert any(phrase in text for phrase in STYLE_PHRASES[mentions["style"]])
        if "object_colour" in mentions:
            assert any(word in text for word in COLOUR_WORDS[mentions["object_colour"]])


def test_every_value_is_drawn() -> None:
    rng = np.random.default_rng(2)
    seen: dict[str, set[str]] = {name: set() for name in ATTRIBUTE_VALUES}
    for _ in range(2000):
        for name, value in random_mentions(rng).items():
            seen[name].add(value)
    for name, values in seen.items():
        assert values >= set(ATTRIBUTE_VALUES[name]) - {"natural", "none"}


def test_a_dangling_piece_is_recognised() -> None:
    assert says_something("at night")
    assert not says_something("at nig")
