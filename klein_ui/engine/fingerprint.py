"""A name for exactly these weights."""

import hashlib
from pathlib import Path

PIPELINE = "*/*.safetensors"
HASH_WHOLE_BYTES = 256 * 2**20


def fingerprint(folder: Path, files: str = PIPELINE) -> str:
    """The hub's commit, else a hash of those `files` in `folder` that fit the pattern.

    The hub's cache names a snapshot's folder by its commit. Large local weights are hashed by
    name, size and time of change, small ones by content.
    """
    if folder.parent.name == "snapshots":
        return folder.name
    found = sorted(folder.glob(files))
    whole = sum(file.stat().st_size for file in found) <= HASH_WHOLE_BYTES
    digest = hashlib.sha256()
    for file in found:
        stat = file.stat()
        name = file.relative_to(folder).as_posix()
        digest.update(f"{name}:{stat.st_size}".encode())
        digest.update(file.read_bytes() if whole else str(stat.st_mtime_ns).encode())
    return digest.hexdigest()[:16]
