"""File names are safe wherever they are saved."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.provenance.names import file_name, folded, is_safe


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a red sun over blue hills", "a-red-sun-over-blue-hills-7.png"),
        ("夜の火山 🌋", "夜の火山-🌋-7.png"),
        ("../../etc/passwd", "etc-passwd-7.png"),
        ("C:\\Windows\\nul", "C-Windows-nul-7.png"),
        ("con", "con-7.png"),
        ("...", "picture-7.png"),
        ("", "picture-7.png"),
        ("\u202egnp.exe", "gnp-exe-7.png"),
    ],
)
def test_names_say_what_the_prompt_says(prompt: str, name: str) -> None:
    assert file_name(prompt, 7, "png") == name


@given(st.text(max_size=300), st.integers(0, 2**32 - 1))
def test_any_prompt_makes_a_safe_name(prompt: str, seed: int) -> None:
    name = file_name(prompt, seed, "png")
    assert is_safe(name)
    assert os.path.basename(name) == name
    assert len(name.encode()) <= 120


@given(st.lists(st.text("aA.é/ß", max_size=2), max_size=20))
def test_names_never_collide_on_any_file_system(prompts: list[str]) -> None:
    taken: set[str] = set()
    for prompt in prompts:
        taken.add(folded(file_name(prompt, 1, "png", taken)))
    assert len(taken) == len(prompts)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a\\b", "a:b", "con", "LPT1.txt", "a.", "a ", "a\n"]
)
def test_names_of_others_can_be_harmful(name: str) -> None:
    assert not is_safe(name)
