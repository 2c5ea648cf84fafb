"""A wheel of this checkout: everything is in it, and from another folder it runs, codes speech and can train."""

from __future__ import annotations

import configparser
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "assets", "codec", "transport", "vocoder")
CHECKOUT_ONLY = ("app/listening_page/npm/", "assets/benchmark.csv")
"""What the program does not read: the pinned onnxruntime-web of `make page`, the table behind the README's, and a voice
in training."""
DOCUMENTS = (".md", ".svg", ".png")
"""Documents and their pictures."""
CLIP = ROOT / "assets" / "clips" / "harbour.flac"


def files_of(package: str) -> set[str]:
    """Everything in a package of this checkout but its documents, as paths from the root."""
    paths = (path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    names = {path.relative_to(ROOT).as_posix() for path in paths if path.suffix not in DOCUMENTS}
    return {name for name in names if not name.startswith(CHECKOUT_ONLY)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy, for setuptools leaves its own files beside the sources."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed, which builds wheels (pip install setuptools)")
    copy = tmp_path_factory.mktemp("checkout")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    out = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    built = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--wheel-dir", str(out), str(copy)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert 0 == built.returncode, built.stdout + built.stderr
    [path] = out.glob("gossamer-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is unpacked into."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python that runs in `folder` and imports the unpacked wheel, and nothing of the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_the_wheel(wheel: Path, package: str) -> None:
    """Code, models, styles, pages, recipes and tables; nothing is forgotten because it is no Python."""
    expected = files_of(package)
    assert expected
    with zipfile.ZipFile(wheel) as archive:
        assert set() == expected - set(archive.namelist())


def test_the_wheel_brings_nothing_else(wheel: Path) -> None:
    """No tests, and no folder that would shadow another project's."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert set(PACKAGES) == {top for top in tops if not top.endswith(".dist-info")}


def test_the_wheel_has_the_command(wheel: Path) -> None:
    """`gossamer`, which an installer makes from the entry point."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        entries = configparser.ConfigParser()
        entries.read_string(archive.read(name).decode())
    assert "app.__main__:main" == entries["console_scripts"]["gossamer"]


@pytest.mark.parametrize("words", [("-m", "app", "--help"), ("-m", "app", "plan", "--help")], ids=" ".join)
def test_the_program_runs_from_another_folder(installed: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """With the packages of the wheel."""
    helped = python(installed, tmp_path, *words)
    assert (0, "") == (helped.returncode, helped.stderr)
    assert helped.stdout.startswith("usage: gossamer")
    where = python(installed, tmp_path, "-c", "import app, codec; print(app.__file__); print(codec.__file__)")
    assert all(line.startswith(str(installed)) for line in where.stdout.splitlines()), where.stdout


def test_the_installed_models_code_speech(installed: Path, tmp_path: Path) -> None:
    """There and back, the standard and the small ones."""
    for model in ("standard", "small"):
        packets, sound = f"{model}.g800", f"{model}.wav"
        for words in (("encode", str(CLIP), packets), ("decode", packets, sound)):
            run = python(installed, tmp_path, "-m", "app", *words, "--model", model)
            assert (0, "") == (run.returncode, run.stderr)
        assert (tmp_path / sound).stat().st_size > 100_000


def test_the_installed_training_code_finds_its_data(installed: Path, tmp_path: Path) -> None:
    """The list of speakers that validate, and every recipe."""
    code = "from codec.training.data import corpus\nprint(len(corpus.validation_speakers()))\n"
    run = python(installed, tmp_path, "-c", code)
    assert 0 == run.returncode, run.stderr
    assert int(run.stdout) > 10


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed (make train-setup)")
@pytest.mark.parametrize("package", ["codec.training", "vocoder.training"])
def test_the_installed_training_runs(installed: Path, tmp_path: Path, package: str) -> None:
    """Its command line shows what it can do."""
    helped = python(installed, tmp_path, "-m", package, "--help")
    assert 0 == helped.returncode, helped.stderr
    assert "usage:" in helped.stdout
