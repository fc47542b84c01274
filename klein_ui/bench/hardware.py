"""What a number depends on: the machine, the versions, and the state of the code."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("gradio", "torch", "diffusers")


def hardware() -> dict[str, object]:
    """The machine and the versions of what runs on it; `load_1m` tells of work beside the bench."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "gpu": _said_by("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def revision() -> str:
    """The commit of the code, with `-dirty` where it was changed since; "unknown" without git."""
    commit = _said_by("git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    changed = _said_by("git", "-C", str(REPOSITORY), "status", "--porcelain")
    return f"{commit}-dirty" if changed else commit


def _cpu() -> str:
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _said_by(program: str, *rest: str) -> str | None:
    """What `program` prints, None if it is not there or fails."""
    path = shutil.which(program)
    if path is None:
        return None
    done = subprocess.run([path, *rest], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None
