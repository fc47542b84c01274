"""Generated requests: any text without lone surrogates, in every field that takes text."""

from hypothesis import strategies as st

from klein_ui.contract import Blend, Frame, Lora, Origin, Reference, Request, Stage, Timings
from klein_ui.engine.fake import bands

# Emoji, right-to-left, combining marks, control characters, and all the rest.
texts = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("🌋👩‍🚀שלוםمرحبا\u202e\u0301\x00\x1b\n=&%+"),
    max_size=60,
)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
shares = st.floats(0, 1)
requests = st.builds(
    Request,
    prompt=texts,
    seed=st.integers(0, 2**32 - 1),
    width=st.just(16),
    height=st.just(16),
    steps=st.integers(1, 50),
    guidance_scale=st.floats(1, 10),
    model=st.sampled_from(["postcard", "klein-4b"]),
    references=st.lists(st.builds(Reference, digests, texts, shares), max_size=2).map(tuple),
    mask=st.just("") | digests,
    keep_background=st.booleans(),
    loras=st.lists(st.builds(Lora, texts, st.floats(-2, 2)), max_size=2).map(tuple),
    blend=st.none() | st.builds(Blend, texts, st.integers(0, 2**32 - 1), st.floats(0, 1)),
)

ORIGIN = Origin("abc", "CPU", "float32", "torch")


def frame(request: Request) -> Frame:
    """A frame of `request`, in eight bands of colour."""
    return Frame(request, Stage.FINAL, bands(request), Timings(), ORIGIN)
