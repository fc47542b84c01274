"""What a replica keeps of what it was sent."""

import hashlib
from pathlib import Path

import pytest

from klein_ui.contract import InvalidLora
from klein_ui.serve.kept import SentLoras

from ..kept import fill, mounted


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_name_means_what_the_app_that_renders_says(tmp_path: Path) -> None:
    loras = SentLoras(tmp_path)
    for data in (b"one", b"other"):
        loras.put(digest(data), data)
    for data in (b"one", b"other"):
        loras.mean({"ink": digest(data)})
        assert loras.file("ink").path.read_bytes() == data
    with pytest.raises(InvalidLora, match="“oil” did not reach"):
        loras.file("oil")


def test_what_came_damaged_is_not_kept(tmp_path: Path) -> None:
    loras = SentLoras(tmp_path)
    with pytest.raises(InvalidLora, match="damaged"):
        loras.put(digest(b"one"), b"on")
    assert not loras.has(digest(b"one"))


def test_a_full_disk_is_the_loras_sentence_and_not_the_pictures_fault(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        loras = SentLoras(disk / "loras")
        fill(disk / "rest")
        with pytest.raises(InvalidLora, match="no room left"):
            loras.put(digest(b"one" * 9000), b"one" * 9000)


def test_no_digest_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.safetensors").write_text("secret")
    loras = SentLoras(tmp_path / "loras")
    loras.mean({"ink": "../secret"})
    assert not loras.has("../secret")
    with pytest.raises(InvalidLora):
        loras.file("ink")


def test_what_was_not_used_for_longest_goes_first_and_the_newest_never(tmp_path: Path) -> None:
    loras = SentLoras(tmp_path, max_bytes=8)
    first, second, third = b"1111", b"2222", b"333333333"
    loras.put(digest(first), first)
    loras.put(digest(second), second)
    assert loras.has(digest(first))
    loras.put(digest(b"44"), b"44")
    assert [loras.has(digest(data)) for data in (first, second)] == [True, False]
    loras.put(digest(third), third)
    assert loras.has(digest(third))
    assert not loras.has(digest(first))
