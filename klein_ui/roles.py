"""Roles of references as words: what the model reads of them after the prompt."""

from collections.abc import Sequence

from klein_ui.contract import Reference

SENTENCES = {
    "subject": "Use the subject of image {number}.",
    "style": "Use the style of image {number}.",
    "palette": "Use the colours of image {number}.",
    "background": "Use the background of image {number}.",
    "pose": "Use the pose of image {number}.",
}
"""The roles with a sentence of their own; any other words follow "Image 2: "."""


def sentence(role: str, number: int) -> str:
    """What the prompt says of image `number`, counted from 1; nothing without a role."""
    if not role:
        return ""
    # Keyboards of phones begin with a capital.
    known = SENTENCES.get(role.casefold())
    if known:
        return known.format(number=number)
    return f"Image {number}: {role.rstrip('.')}."


def suffix(references: Sequence[Reference]) -> str:
    """The sentences for all roles, in the order of the images."""
    told = (sentence(looked_at.role, number) for number, looked_at in enumerate(references, 1))
    return " ".join(filter(None, told))


def compiled(prompt: str, references: Sequence[Reference]) -> str:
    """The prompt as the model reads it: what was typed, then the roles."""
    told = suffix(references)
    typed = prompt.rstrip()
    if not told or not typed:
        return told or prompt
    joint = " " if typed[-1] in ".!?,;:" else ". "
    return typed + joint + told


def typed(prompt: str, references: Sequence[Reference]) -> str:
    """What was typed, of a prompt that :func:`compiled` made; the prompt itself of any other."""
    told = suffix(references)
    if not told or not prompt.endswith(told):
        return prompt
    return prompt.removesuffix(told).removesuffix(" ").removesuffix(".")
