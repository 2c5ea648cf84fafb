"""Files that the page needs to run the codec itself: onnxruntime-web from an npm installation, and our three graphs."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

from app.errors import FileProblem
from codec.models import DECODER, ENCODER, VOCODER, asset_path

PACKAGE = "onnxruntime-web"
INSTALL = f"`npm install {PACKAGE}` makes node_modules/{PACKAGE}: name that"
FILES = {
    "ort": "ort.wasm.min.js",
    "glue": "ort-wasm-simd-threaded.mjs",
    "wasm": "ort-wasm-simd-threaded.wasm",
}
"""Files of the package's folder dist/, by short name: the library, the loader of its WebAssembly, the WebAssembly."""


def runtime_parts(folder: Path) -> tuple[str, dict[str, bytes]]:
    """Return the version of the npm package in `folder`, and every file by its short name. Raises FileProblem."""
    try:
        version = str(json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"])
        parts = {name: (folder / "dist" / file).read_bytes() for name, file in FILES.items()}
    except (OSError, ValueError, KeyError) as error:
        raise FileProblem(f"{folder} is no {PACKAGE} with a browser's build in it ({error})", INSTALL) from error
    for name in (ENCODER, DECODER, VOCODER):
        try:
            parts[name] = asset_path(f"{name}.onnx").read_bytes()
        except OSError as error:
            raise FileProblem(f"{name}.onnx cannot be read ({error.strerror})", "reinstall gossamer") from error
    return version, parts


def packed(content: bytes) -> str:
    """Return the content compressed with gzip, in base64, as the page unpacks it."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")
