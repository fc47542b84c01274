"""The words for every attribute value."""

from __future__ import annotations

SKY_ADVERBS: dict[str, tuple[str, ...]] = {
    "day": ("by day", "at noon", "in daylight", "on a clear day", "in the daytime", "at midday"),
    "dawn": ("at dawn", "at sunrise", "at daybreak", "in the early morning", "in the morning"),
    "sunset": ("at sunset", "at dusk", "in the evening", "at the golden hour", "at twilight"),
    "night": ("at night", "by night", "at midnight", "in the dark", "in the night"),
    "storm": ("in a storm", "in a thunderstorm", "with lightning", "in bad weather"),
    "fog": ("in fog", "in the mist", "in the fog", "in haze", "in thick fog"),
}

SKY_NOUNS: dict[str, tuple[str, ...]] = {
    "day": ("daytime", "day", "clear sky", "noon", "midday", "daylight"),
    "dawn": ("dawn", "sunrise", "early morning", "morning", "daybreak"),
    "sunset": ("sunset", "dusk", "evening", "golden hour", "twilight"),
    "night": ("night", "midnight", "night sky", "nighttime", "dark sky"),
    "storm": ("storm", "thunderstorm", "stormy sky", "stormy weather", "lightning"),
    "fog": ("fog", "mist", "foggy", "misty", "haze"),
}

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "amber"),
    "yellow": ("yellow", "golden", "lemon"),
    "green": ("green", "emerald", "lime"),
    "blue": ("blue", "azure", "navy"),
    "purple": ("purple", "violet", "lilac"),
    "pink": ("pink", "rose", "magenta"),
    "white": ("white", "silver", "pale"),
}

LIGHT_WORDS: dict[str, tuple[str, ...]] = {
    "sun": ("sun", "sun", "sunshine"),
    "moon": ("moon", "moon", "crescent", "crescent moon"),
}

NO_LIGHT_PHRASES = ("no sun", "no moon", "without a sun", "without a moon", "moonless", "sunless")

TERRAIN_WORDS: dict[str, tuple[str, ...]] = {
    "mountains": ("mountains", "mountains", "mountain", "peaks", "alps", "summits"),
    "hills": ("hills", "hills", "meadow", "fields", "countryside", "grassland"),
    "sea": ("sea", "sea", "ocean", "waves", "water", "lake"),
    "desert": ("desert", "desert", "dunes", "sand", "sahara"),
    "city": ("city", "city", "skyline", "town", "skyscrapers", "buildings"),
    "forest": ("forest", "forest", "woods", "pines", "woodland", "jungle"),
}

OBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "house": ("house", "house", "cottage", "cabin", "home", "hut"),
    "boat": ("boat", "boat", "ship", "sailboat"),
    "tree": ("tree", "tree", "oak"),
    "heart": ("heart",),
    "star": ("star",),
    "cube": ("cube", "cube", "box", "block"),
    "balloon": ("balloon", "balloon", "hot air balloon", "airship"),
}

NO_OBJECT_PHRASES = ("nothing else", "empty", "no object")

STYLE_PHRASES: dict[str, tuple[str, ...]] = {
    "flat": ("flat", "flat design", "flat style", "vector art"),
    "line drawing": ("line drawing", "as a line drawing", "line art", "ink sketch", "sketch"),
    "pixel": ("pixel art", "pixel", "pixelated", "in pixel style", "8-bit"),
    "neon": ("neon", "neon lights", "neon style", "synthwave"),
    "watercolour": ("watercolour", "watercolor", "in watercolour", "watercolour painting"),
    "monochrome": ("monochrome", "black and white", "grayscale", "greyscale", "in black and white"),
}

FILLERS = (
    "beautiful", "lovely", "quiet", "very", "big", "small", "old", "little", "detailed", "calm",
    "dreamy", "nice", "peaceful", "wide", "wonderful", "tiny", "huge", "soft", "pretty", "lonely",
)  # fmt: skip

OPENINGS = (
    "a picture of", "a postcard of", "an image of", "a view of", "a landscape with", "a scene with",
    "show me", "i want", "draw", "please paint", "imagine", "postcard:", "a photo of", "there is",
)  # fmt: skip

STRANGE_WORDS = (
    "zebra", "holding", "quantum", "4k", "masterpiece", "trending", "my cat", "jazz", "1970s",
    "coffee", "robot", "dragon", "portrait", "cinematic", "für", "una", "les", "und", "的", "空",
    "☀", "🙂", "🚀", "привет", "sehr schön", "please", "hello", "xyz", "asdf", "--ar 16:9", "(((",
)  # fmt: skip
