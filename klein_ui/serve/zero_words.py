"""What ZeroGPU says when there is no GPU, in one sentence that says what to do.

Its own words are titles and HTML for a toast of Gradio; the titles are those of `spaces` 0.51.
"""

import re

import gradio as gr

USED_UP = "Your time on ZeroGPU is used up; try again{when}, or log in to Hugging Face for more."
TOO_OFTEN = "You have asked ZeroGPU too often; try again later, or log in to Hugging Face for more."
SPACE_USED_UP = (
    "This Space's own share of ZeroGPU is used up; open it on huggingface.co, logged in."
)
UNDER_WAY = "Other pictures of yours are under way on ZeroGPU; type on once they are done."
TOO_LONG = (
    "This picture takes longer than ZeroGPU allows you; choose a smaller size or fewer steps."
)
ALL_BUSY = "No GPU became free on ZeroGPU; type on to try again."
EXPIRED = "ZeroGPU does not know your visit any more; reload the page."
BROKE_OFF = "The GPU broke off in the middle of this picture; type on to try again."
SILENT = "ZeroGPU does not answer ({name}); type on in a moment."

_SENTENCES = {
    "zerogpu pending credits exceeded": UNDER_WAY,
    "zerogpu illegal duration": TOO_LONG,
    "zerogpu queue timeout": ALL_BUSY,
    "zerogpu worker error": BROKE_OFF,
}


def is_told(error: BaseException) -> bool:
    """Whether ZeroGPU itself says what is wrong, so that there is nothing to look for here."""
    return isinstance(error, gr.Error)


def sentence(error: BaseException) -> str:
    """What `error`, raised by a call of the GPU, means for whoever asked."""
    if not isinstance(error, gr.Error):
        return SILENT.format(name=type(error).__name__)
    title, said = str(getattr(error, "title", "")).lower(), str(error.message)
    if title == "zerogpu quota exceeded":
        return _quota(said)
    if title == "zerogpu client error":
        return EXPIRED if "token" in said else ALL_BUSY
    return _SENTENCES.get(title, SILENT.format(name=error.title))


def _quota(said: str) -> str:
    if "runs limit" in said:
        return TOO_OFTEN
    if "reached its GPU limit" in said:
        return SPACE_USED_UP
    if "No GPU was available" in said:
        return ALL_BUSY
    wait = re.search(r"Try again in ([\w:, ]+?)\.", said)
    return USED_UP.format(when=f" in {wait[1]}" if wait else " later")
