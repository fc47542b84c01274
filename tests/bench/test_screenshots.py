"""The pictures of the documentation."""

from pathlib import Path

from PIL import Image

from klein_ui.bench import screenshots


def test_an_animation_keeps_every_frame_and_rests_on_the_last(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (1280, 800), (shade, 0, 0)) for shade in (0, 120, 240)]
    path = tmp_path / "typing.webp"
    screenshots.save_animation(frames, path)
    with Image.open(path) as saved:
        assert (saved.n_frames, saved.size) == (3, (960, 600))  # type: ignore[attr-defined]
        saved.seek(2)
        saved.load()
        assert saved.info["duration"] == screenshots.LAST_FRAME_MS
