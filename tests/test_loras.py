"""LoRAs by name: what a request may ask for, and which files there are for it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import validate
from klein_ui.contract import InvalidLora, InvalidRequest, Lora, LoraFile, Request
from klein_ui.engine.fake import bands
from klein_ui.loras import LoraShelf
from klein_ui.models import POSTCARD

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
names = st.sampled_from(["ink", "wash", "clay", "gold", "jade"]) | st.text(max_size=5)
wild = st.lists(
    st.fixed_dictionaries({}, optional={"name": names | anything, "scale": st.floats() | anything}),
    max_size=6,
)
good_names = st.text(min_size=1, max_size=100).filter(validate.is_lora_name)
good = st.lists(
    st.fixed_dictionaries({"name": good_names, "scale": st.floats(-2, 2)}),
    max_size=validate.MAX_LORAS,
    unique_by=lambda lora: lora["name"],
)


def asked(loras: object) -> Request:
    return validate.asked({"prompt": "x", "loras": loras}, POSTCARD).request


@given(wild | anything)
def test_anything_becomes_loras_within_the_limits_or_one_sentence(raw: object) -> None:
    try:
        found = asked(raw).loras
    except InvalidRequest as error:
        assert error.field == "loras"
        assert str(error).endswith(".")
        assert "\n" not in str(error)
        return
    assert len(found) <= validate.MAX_LORAS
    assert len({lora.name for lora in found}) == len(found)
    for lora in found:
        assert validate.is_lora_name(lora.name)
        assert type(lora.scale) is float
        assert 0 < abs(lora.scale) <= validate.MAX_LORA_SCALE


@given(good, st.randoms())
def test_one_picture_has_one_request(raw: list[dict[str, object]], random: object) -> None:
    wanted = {(lora["name"], lora["scale"]) for lora in raw if lora["scale"] != 0}
    request = asked(raw)
    assert {(lora.name, lora.scale) for lora in request.loras} == wanted
    random.shuffle(raw)  # type: ignore[attr-defined]
    assert asked([*raw, {"name": "no more", "scale": 0}]) == request


def test_missing_loras_are_none_and_a_missing_scale_is_1() -> None:
    assert validate.asked({}, POSTCARD).request.loras == ()
    assert asked([{"name": "ink"}]).loras == (Lora("ink", 1.0),)


def test_drafts_have_the_loras_too() -> None:
    made = validate.asked({"loras": [{"name": "ink", "scale": -0.5}]}, POSTCARD)
    assert {draft.loras for draft in made.drafts} == {(Lora("ink", -0.5),)}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("ink", "must be a list of names"),
        ([["ink"]], "must be a list of names"),
        ([{}], "named wrongly"),
        ([{"name": ""}], "named wrongly"),
        ([{"name": "../ink"}], "named wrongly"),
        ([{"name": "/etc/ink"}], "named wrongly"),
        ([{"name": "a\\ink"}], "named wrongly"),
        ([{"name": ".."}], "named wrongly"),
        ([{"name": "a\nb"}], "named wrongly"),
        ([{"name": "a\0"}], "named wrongly"),
        ([{"name": "x" * 101}], "named wrongly"),
        ([{"name": "ink", "scale": 2.01}], "a number from -2 to 2"),
        ([{"name": "ink", "scale": float("nan")}], "a number from -2 to 2"),
        ([{"name": "ink", "scale": True}], "a number from -2 to 2"),
        ([{"name": "ink", "scale": "1"}], "a number from -2 to 2"),
        ([{"name": "ink"}, {"name": "ink", "scale": 0.5}], "“ink” is chosen twice"),
        ([{"name": name} for name in "abcde"], "3 LoRAs work together at most; switch off 2"),
    ],
)
def test_what_cannot_be_a_lora_says_so(raw: object, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        asked(raw)


def test_switched_off_loras_do_not_count() -> None:
    raw = [{"name": name, "scale": 0} for name in "abcde"] + [{"name": name} for name in "fgh"]
    assert [lora.name for lora in asked(raw).loras] == ["f", "g", "h"]


def test_the_fake_engine_shows_loras_and_none_of_scale_0() -> None:
    plain = asked([])
    assert (bands(plain) != bands(asked([{"name": "ink"}]))).any()
    off = Request("x", 0, plain.width, plain.height, 4, 1.0, "postcard", loras=(Lora("ink", 0),))
    assert (bands(plain) == bands(off)).all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of LoRAs beside a file that is none of its business."""
    home = tmp_path / "loras"
    home.mkdir()
    for name in ("ink.safetensors", "Ink wash 2.safetensors", "夜.v1.safetensors"):
        (home / name).write_bytes(b"12345")
    (home / "notes.txt").write_bytes(b"")
    (home / "old.bin").write_bytes(b"")
    (home / ".part.safetensors").write_bytes(b"")
    (home / "folder.safetensors").mkdir()
    (tmp_path / "outside.safetensors").write_bytes(b"secret")
    return home


def test_the_shelf_lists_the_safetensors_files_of_its_folder(folder: Path) -> None:
    assert LoraShelf(folder).names() == ("Ink wash 2", "ink", "夜.v1")


def test_the_folder_can_be_told_from_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert LoraShelf(Path(folder.name)).folder == folder


def test_a_folder_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    shelf = LoraShelf(tmp_path / "later")
    assert shelf.names() == ()
    with pytest.raises(InvalidLora, match=r"put ink\.safetensors into the folder “loras”"):
        shelf.file("ink")


def test_a_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidLora, match="cannot be read; check"):
        LoraShelf(tmp_path / "file").names()


def test_a_name_is_a_file_with_its_size_and_time(folder: Path) -> None:
    path = folder / "夜.v1.safetensors"
    assert LoraShelf(folder).file("夜.v1") == LoraFile(path, 5, path.stat().st_mtime_ns)


def test_a_changed_file_is_another_one(folder: Path) -> None:
    shelf, path = LoraShelf(folder), folder / "ink.safetensors"
    before = shelf.file("ink")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    later = shelf.file("ink")
    path.write_bytes(b"123456")
    assert len({before, later, shelf.file("ink")}) == 3


@pytest.mark.parametrize(
    "name",
    ["", "..", "../outside", "outside", "ink.safetensors", "notes", "old", ".part", "folder", "INK",
     "{folder}/ink", "./ink", "ink\0", "~/ink"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(InvalidLora, match="There is no LoRA"):
        LoraShelf(folder).file(name.format(folder=folder))


def test_a_link_out_is_no_lora_and_one_within_is(folder: Path) -> None:
    (folder / "linked.safetensors").symlink_to(folder.parent / "outside.safetensors")
    (folder / "broken.safetensors").symlink_to(folder / "nothing")
    (folder / "again.safetensors").symlink_to(folder / "ink.safetensors")
    shelf = LoraShelf(folder)
    assert shelf.names() == ("Ink wash 2", "again", "ink", "夜.v1")
    for name in ("linked", "broken"):
        with pytest.raises(InvalidLora):
            shelf.file(name)


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert LoraShelf(tmp_path / "link").file("ink").path == folder / "ink.safetensors"


@given(good_names)
def test_a_name_that_may_be_asked_for_is_a_plain_file_name(name: str) -> None:
    assert Path(f"{name}.safetensors").name == f"{name}.safetensors"
    assert Path(f"{name}.safetensors").stem == name


def test_a_link_that_leads_nowhere_is_no_lora(tmp_path: Path) -> None:
    loop = tmp_path / "ink.safetensors"
    loop.symlink_to(loop)
    shelf = LoraShelf(tmp_path)
    assert shelf.names() == ()
    with pytest.raises(InvalidLora, match="no LoRA “ink”"):
        shelf.file("ink")
