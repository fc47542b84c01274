"""Roles as words: readable, numbered as the prompt numbers images, and taken back again."""

from hypothesis import given
from hypothesis import strategies as st

from klein_ui.contract import Reference
from klein_ui.roles import SENTENCES, compiled, sentence, suffix, typed

DIGEST = "0" * 64
roles = st.one_of(st.sampled_from(["", *SENTENCES]), st.text("abc ", min_size=1).map(str.strip))


def looked_at(*names: str) -> tuple[Reference, ...]:
    return tuple(Reference(DIGEST, name) for name in names)


def test_a_role_speaks_of_its_image_by_number() -> None:
    assert suffix(looked_at("", "style", "palette")) == (
        "Use the style of image 2. Use the colours of image 3."
    )
    assert sentence("Style", 1) == "Use the style of image 1."
    assert sentence("the hat she wears.", 2) == "Image 2: the hat she wears."


def test_roles_follow_the_prompt_as_sentences() -> None:
    assert compiled("make it night", looked_at("", "style")) == (
        "make it night. Use the style of image 2."
    )
    assert compiled("Make it night! ", looked_at("style")) == (
        "Make it night! Use the style of image 1."
    )
    assert compiled("", looked_at("style")) == "Use the style of image 1."


def test_without_roles_the_prompt_is_left_alone() -> None:
    assert compiled("a  red sun ", looked_at("", "")) == "a  red sun "
    assert compiled("", ()) == ""


@given(st.text("ab ,é"), st.lists(roles, max_size=4))
def test_what_was_typed_comes_back(prompt: str, names: list[str]) -> None:
    references = looked_at(*names)
    back = typed(compiled(prompt, references), references)
    assert back == (prompt.rstrip() if suffix(references) else prompt)
