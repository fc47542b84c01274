"""What a Space tells of itself, and what the settings make of it."""

from pathlib import Path

import pytest

from klein_ui import settings, space

SPACE = {"SPACE_ID": "somebody/klein-live"}


@pytest.mark.parametrize(
    ("said", "is_zero"), [("true", True), ("1", True), ("0", False), ("", False)]
)
def test_zero_gpu_is_told_by_the_environment(said: str, is_zero: bool) -> None:
    environ = {**SPACE, "SPACES_ZERO_GPU": said}
    assert space.on_zero_gpu(environ) == is_zero
    chosen = settings.read([], environ)
    assert (chosen.zero_gpu, chosen.settle_ms) == (is_zero, 700 if is_zero else 300)


def test_a_flag_still_says_how_long_a_pause_is() -> None:
    assert settings.read(["--settle-ms", "400"], {"SPACES_ZERO_GPU": "1"}).settle_ms == 400


def test_a_space_is_reached_from_outside_whatever_tells_it_where_to_listen() -> None:
    chosen = settings.read([], SPACE)
    assert (chosen.host, chosen.port) == ("0.0.0.0", 7860)
    chosen = settings.read([], {**SPACE, "PORT": "8080"})
    assert (chosen.host, chosen.port) == ("0.0.0.0", 8080)
    told = {**SPACE, "PORT": "8080", "GRADIO_SERVER_PORT": "7861", "GRADIO_SERVER_NAME": "::"}
    chosen = settings.read([], told)
    assert (chosen.host, chosen.port) == ("::", 7861)


def test_elsewhere_port_is_somebody_elses_word() -> None:
    chosen = settings.read([], {"PORT": "8080"})
    assert (chosen.host, chosen.port) == ("127.0.0.1", 7860)


def test_persistent_storage_is_used_where_a_space_has_it(tmp_path: Path) -> None:
    assert space.persistent(SPACE, tmp_path) == tmp_path / "klein-live"
    assert space.persistent(SPACE, tmp_path / "none") is None
    assert space.persistent({}, tmp_path) is None


def test_the_settings_keep_files_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "persistent", lambda environ: tmp_path / "klein-live")
    assert settings.read([], SPACE).data_dir == tmp_path / "klein-live"
    assert settings.read(["--data-dir", str(tmp_path)], SPACE).data_dir == tmp_path
