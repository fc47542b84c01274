"""What a file says of itself, as plain text: `python -m klein_ui.provenance FILE`."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from klein_ui import uploads, watermark
from klein_ui.contract import KleinError
from klein_ui.provenance import archive, signing
from klein_ui.provenance.chunks import texts
from klein_ui.provenance.reading import Found, kind_of, read
from klein_ui.provenance.record import PARAMETERS, parameters, request_fields

UNREADABLE = "“{path}” cannot be read; give a file that is there."
TOO_LARGE = "“{path}” is too large to be an export of Klein Live; give another file."

# What a terminal would obey, and what would turn the direction of the text.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def main(argv: Sequence[str]) -> int:
    """Tell of one file; 0 where it holds a request, else 1."""
    options = _parser().parse_args(list(argv))
    try:
        told, holds_request = _told(options.file, options.data_dir)
    except KleinError as error:
        told, holds_request = [str(error)], False
    except MemoryError:
        told, holds_request = [TOO_LARGE.format(path=options.file)], False
    sys.stdout.write("".join(f"{plain(line)}\n" for line in told))
    return 0 if holds_request else 1


def plain(text: str) -> str:
    """`text` with everything invisible written out, so that no terminal obeys it."""
    escaped = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    encoding = sys.stdout.encoding or "utf-8"
    return escaped.encode(encoding, "backslashreplace").decode(encoding)


def _told(path: Path, data_dir: Path) -> tuple[list[str], bool]:
    try:
        if path.stat().st_size > archive.MAX_ARCHIVE_BYTES:
            raise KleinError(TOO_LARGE.format(path=path))
        data = path.read_bytes()
        beside = path.with_name(f"{path.name}.json")
        sidecar = beside.read_bytes() if beside.is_file() else None
    except (OSError, ValueError) as error:
        raise KleinError(UNREADABLE.format(path=path)) from error
    kind = kind_of(data)
    lines, holds_request = list[str](), True
    try:
        lines += _of_request(read(data, sidecar))
    except KleinError as error:
        lines, holds_request = [str(error), *_foreign(data, kind)], False
    if kind in ("PNG", "JPEG", "WebP"):
        serial = signing.own_serial(data_dir / signing.FOLDER)
        lines.append(f"Signature: {signing.state(data, f'image/{kind.lower()}', serial)}")
        lines.append(f"Watermark: {_mark(data)}")
    return lines, holds_request


def _of_request(found: Found) -> Iterator[str]:
    if found.kind == "ZIP":
        yield f"Archive: {len(found.entries)} pictures, all unchanged. Title: {found.title or '-'}"
    for entry in found.entries:
        if entry.file:
            yield f"File: {entry.file}"
        yield "Request:"
        yield json.dumps(request_fields(entry.record.request), ensure_ascii=False, indent=2)
        if entry.record.lineage:
            yield f"Lineage: {len(entry.record.lineage)} earlier requests"
        yield f"Parameters:\n{found.parameters or parameters(entry.record.request)}"


def _foreign(data: bytes, kind: str) -> list[str]:
    """What another program wrote into a picture without a request of ours."""
    try:
        told = texts(data, (PARAMETERS,)) if kind == "PNG" else {}
    except KleinError:
        told = {}
    return [f"Parameters, of another program:\n{text}" for text in told.values()]


def _mark(data: bytes) -> str:
    try:
        found = watermark.detect(uploads.decoded(data).pixels)
    except KleinError as error:
        return f"not looked for. {error}"
    if found is None:
        return "none found."
    return f"that of Klein Live, version {found.version}; {found.agreement:.0%} of it agrees."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m klein_ui.provenance",
        description="Tell what an exported file says of itself: its request, signature, watermark.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a PNG, JPEG, WebP, JSON or ZIP")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path.home() / ".klein-live",
        metavar="FOLDER",
        help="the app's folder, whose own signatures are known (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
