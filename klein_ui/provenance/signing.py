"""C2PA signatures, offline: "signed by this installation", which vouches for nobody.

Needs `requirements-provenance.txt`; nothing of it is imported before somebody signs or looks.
"""

import contextlib
import importlib
import io
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from klein_ui.contract import KleinError
from klein_ui.provenance.record import SOFTWARE

FOLDER = "signing"
SIGNER = "signer.pem"

NOT_INSTALLED = "Signing needs more packages: pip install -r requirements-provenance.txt."
UNREADABLE = "The signing key “{path}” cannot be read or written; mend its permissions."
OPEN_TO_OTHERS = "Others may read the signing key “{path}”; run: chmod 600 “{path}”."
BROKEN = "“{path}” holds no private key with its certificates; remove it and a new one is made."
SELF_TEST = "The self-test of signing failed with “{path}”; remove it and a new one is made."
FAILED = "The picture could not be signed; export it again, or without signing."

UNSIGNED = "Not signed."
OWN = "Signed by this installation; the file is unchanged since."
FOREIGN = (
    "Signed by “{who}”, and unchanged since; whether that is true of the name, nobody checked."
)
TORN = "There is a signature, but the file was changed since, or it is broken."
UNKNOWN = (
    "There may be a C2PA signature; to look at it, pip install -r requirements-provenance.txt."
)

# Nothing is fetched, nothing is asked, no preview is added.
_OFFLINE = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
_MADE_BY_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


class SigningFailed(KleinError):
    """No signature can be made; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs files with one key. `serial` is its certificate's number."""

    serial: str
    _algorithm: str
    _chain: bytes
    _key: bytes

    def signed(self, data: bytes, mime: str) -> bytes:
        """`data`, a PNG, JPEG or WebP, with a signature; any later change breaks it.

        Raises `SigningFailed`.
        """
        c2pa, out = _c2pa(), io.BytesIO()
        try:
            info = c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, None)
            context = c2pa.Context.from_dict(_OFFLINE)
            with (
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(_manifest(), context=context) as builder,
            ):
                builder.sign(signer, mime, io.BytesIO(data), out)
        # Its errors have no common kind that is public.
        except Exception as error:
            raise SigningFailed(FAILED) from error
        return out.getvalue()


def opened(folder: Path) -> Signer:
    """The signer of this installation, tested: its PEM in `folder`, made there at first.

    A PEM of somebody's own is used in its place: a private key, its certificate, and those above
    it. Raises `SigningFailed`.
    """
    _c2pa()
    certificate = _certificate()
    path = folder / SIGNER
    pem = _kept(path, certificate)
    try:
        algorithm, chain, key, serial = certificate.taken_apart(pem)
    # Of a broken PEM cryptography raises several kinds.
    except Exception as error:
        raise SigningFailed(BROKEN.format(path=path)) from error
    signer = Signer(serial, algorithm, chain, key)
    self_test(signer, path)
    return signer


def self_test(signer: Signer, path: Path) -> None:
    """Sign a small picture and read it again. Raises `SigningFailed`, naming `path`."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(out, "PNG")
    try:
        works = state(signer.signed(out.getvalue(), "image/png"), "image/png", signer) == OWN
    except SigningFailed as error:
        raise SigningFailed(SELF_TEST.format(path=path)) from error
    if not works:
        raise SigningFailed(SELF_TEST.format(path=path))


def own_serial(folder: Path) -> str:
    """The number of this installation's certificate; empty while it has none."""
    with contextlib.suppress(Exception):
        return str(_certificate().taken_apart((folder / SIGNER).read_bytes())[3])
    return ""


def state(data: bytes, mime: str, own: Signer | str = "") -> str:
    """What the signature of a file says, as a sentence; `own` is this installation's, or its
    serial number."""
    try:
        c2pa = _c2pa()
    except SigningFailed:
        return UNKNOWN if b"c2pa" in data else UNSIGNED
    try:
        context = c2pa.Context.from_dict(_OFFLINE)
        reader = c2pa.Reader.try_create(mime, io.BytesIO(data), context=context)
        if reader is None:
            return UNSIGNED
        with reader:
            if reader.get_validation_state() not in ("Valid", "Trusted"):
                return TORN
            told = reader.get_active_manifest()["signature_info"]
    except Exception:
        return TORN
    serial = own.serial if isinstance(own, Signer) else own
    if serial and told.get("cert_serial_number") == serial:
        return OWN
    return FOREIGN.format(who=told.get("common_name") or told.get("issuer") or "somebody")


def _manifest() -> str:
    name, version = SOFTWARE.rsplit(" ", 1)
    action = {"action": "c2pa.created", "digitalSourceType": _MADE_BY_MODEL}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [action]}}
    told = {
        "claim_generator_info": [{"name": name, "version": version}],
        "title": "Signed by this installation of Klein Live",
        "assertions": [actions],
    }
    return json.dumps(told)


def _c2pa() -> Any:
    try:
        return importlib.import_module("c2pa")
    # Its library may be for another system, which is no `ImportError`.
    except Exception as error:
        raise SigningFailed(NOT_INSTALLED) from error


def _certificate() -> Any:
    try:
        return importlib.import_module("klein_ui.provenance.certificate")
    except ImportError as error:
        raise SigningFailed(NOT_INSTALLED) from error


def _kept(path: Path, certificate: Any) -> bytes:
    try:
        if not path.exists():
            _write_once(path, certificate.made())
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SigningFailed(OPEN_TO_OTHERS.format(path=path))
        return path.read_bytes()
    except OSError as error:
        raise SigningFailed(UNREADABLE.format(path=path)) from error


def _write_once(path: Path, pem: bytes) -> None:
    """All of `pem` at `path` with mode 0600, unless another process was there first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, part = tempfile.mkstemp(".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        os.unlink(part)
