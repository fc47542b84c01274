"""The command tells of any file, and never ends in a traceback."""

from pathlib import Path

import pytest
from PIL import Image

from klein_ui.contract import Request
from klein_ui.provenance import archive
from klein_ui.provenance.__main__ import main
from klein_ui.provenance.export import Exporter, Format
from tests.provenance.generated import frame

REQUEST = Request("a \x1b[31mred\x1b[0m sun \u202e", 42, 128, 128, 4, 1.0, "postcard")
MARKED = Exporter(watermark=True)


def told(capsys: pytest.CaptureFixture[str], path: Path) -> tuple[int, str]:
    status = main([str(path), "--data-dir", str(path.parent)])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("kind", list(Format))
def test_a_picture_tells_everything(
    kind: Format, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = MARKED.export(frame(REQUEST), kind)
    path = tmp_path / made.name
    path.write_bytes(made.data)
    if made.sidecar is not None:
        path.with_name(f"{made.name}.json").write_bytes(made.sidecar)
    status, text = told(capsys, path)
    assert status == 0
    assert '"seed": 42' in text
    assert "Steps: 4, Sampler: Euler" in text
    assert "Signature: Not signed." in text
    assert "Watermark: that of Klein Live, version 1" in text
    # Nothing of the prompt reaches the terminal as a command.
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_an_archive_tells_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "board.zip"
    path.write_bytes(b"".join(archive.written([MARKED.export(frame(REQUEST)).item()], "Reds")))
    status, text = told(capsys, path)
    assert status == 0
    assert "1 pictures, all unchanged. Title: Reds" in text


def test_pictures_of_others_tell_what_they_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.png"
    Image.new("RGB", (64, 64), "red").save(path)
    status, text = told(capsys, path)
    assert status == 1
    assert "holds no request" in text
    assert "Watermark: none found." in text


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"{", b"\xff\xd8\xff"]
)
def test_what_is_nothing_is_told_in_words(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert told(capsys, path)[0] == 1


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = told(capsys, tmp_path / "gone.png")
    assert (status, "cannot be read" in text) == (1, True)
    assert told(capsys, tmp_path)[0] == 1
