"""Signing: offline, sealed last, and never in the way of an export that does not demand it."""

import importlib.util
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from klein_ui.contract import Request
from klein_ui.provenance import signing
from klein_ui.provenance.export import Exporter, Format, exporter
from klein_ui.provenance.reading import read
from klein_ui.safety import Check
from klein_ui.settings import read as read_settings
from tests.provenance.generated import frame

REQUEST = Request("夜 🌋", 42, 128, 128, 4, 1.0, "postcard")

installed = pytest.mark.skipif(
    importlib.util.find_spec("c2pa") is None,
    reason="needs c2pa-python: pip install -r requirements-provenance.txt",
)


def no_check(folder: Path) -> Check:
    raise AssertionError(f"nobody asked for {folder}")


def by_settings(folder: Path, *flags: str) -> Exporter:
    return exporter(read_settings(["--data-dir", str(folder), *flags], {}), no_check)


def broken(folder: Path) -> Path:
    path = folder / signing.FOLDER / signing.SIGNER
    path.parent.mkdir()
    path.write_text("no key")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("packages", [True, False])
def test_without_a_key_an_export_says_so_or_is_refused(
    packages: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(tmp_path)
    if not packages:
        monkeypatch.setattr(signing, "_c2pa", _missing)
    made = by_settings(tmp_path, "--sign", "try").export(frame(REQUEST))
    assert made.notes[-1].startswith("The picture was saved unsigned.")
    assert read(made.data).requests == (REQUEST,)
    with pytest.raises(signing.SigningFailed):
        by_settings(tmp_path, "--sign", "require").export(frame(REQUEST))


def _missing() -> object:
    raise signing.SigningFailed(signing.NOT_INSTALLED)


def test_nothing_is_made_where_nobody_signs(tmp_path: Path) -> None:
    made = by_settings(tmp_path).export(frame(REQUEST))
    assert not any("unsigned" in note for note in made.notes)
    assert not list(tmp_path.iterdir())


@installed
@pytest.mark.parametrize("kind", list(Format))
def test_a_signed_picture_is_this_installations_until_it_changes(
    kind: Format, tmp_path: Path
) -> None:
    ours = by_settings(tmp_path, "--sign", "require", "--watermark")
    made = ours.export(frame(REQUEST), kind)
    serial = signing.own_serial(tmp_path / signing.FOLDER)
    assert signing.state(made.data, made.mime, serial) == signing.OWN
    assert "Klein Live installation" in signing.state(made.data, made.mime)
    assert read(made.data, made.sidecar).requests == (REQUEST,)
    changed = bytearray(made.data)
    changed[-40] ^= 1
    assert signing.state(bytes(changed), made.mime, serial) == signing.TORN
    out = io.BytesIO()
    with Image.open(io.BytesIO(made.data)) as picture:
        picture.save(out, "PNG")
    assert signing.state(out.getvalue(), "image/png", serial) == signing.UNSIGNED


@installed
def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = signing.opened(tmp_path / "signing")
    path = tmp_path / "signing" / signing.SIGNER
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing.opened(tmp_path / "signing").serial == first.serial
    assert [kept.name for kept in path.parent.iterdir()] == [signing.SIGNER]
    path.chmod(0o644)
    with pytest.raises(signing.SigningFailed, match="chmod 600"):
        signing.opened(tmp_path / "signing")


@installed
def test_a_key_that_goes_while_the_app_runs_signs_on(tmp_path: Path) -> None:
    signer = signing.opened(tmp_path / signing.FOLDER)
    (tmp_path / signing.FOLDER / signing.SIGNER).unlink()
    signing.self_test(signer, tmp_path)


@installed
def test_a_broken_key_is_one_sentence(tmp_path: Path) -> None:
    broken(tmp_path)
    with pytest.raises(signing.SigningFailed, match="holds no private key"):
        signing.opened(tmp_path / signing.FOLDER)


@installed
def test_a_key_of_another_certificate_is_no_pair(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        signing.opened(folder)
    key = (one / signing.SIGNER).read_text().partition("-----BEGIN CERT")[0]
    chain = "".join((other / signing.SIGNER).read_text().partition("-----BEGIN CERT")[1:])
    (one / signing.SIGNER).write_text(key + chain)
    with pytest.raises(signing.SigningFailed, match="holds no private key"):
        signing.opened(one)


@installed
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(signing.SigningFailed, match="mend its permissions"):
        signing.opened(tmp_path / "signing")
