"""The parts of the page, put together to one HTML file that fetches nothing."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from app.listening_page.runtime import packed
from app.version import program_version

SCRIPTS = ("sound.js", "spectrogram.js", "player.js", "blind.js", "engine.js", "talk.js", "main.js")
"""Files of the page's one script, in their order."""
WORKER = ("codec.js", "worker.js")
"""Files of the script that runs the codec in a worker, in their order."""


def part(name: str) -> str:
    """Return a file of the page's sources."""
    return (resources.files("app.listening_page") / "page" / name).read_text(encoding="utf-8")


def document(told: dict[str, Any], runtime: tuple[str, dict[str, bytes]] | None, codec_id: int) -> Iterator[str]:
    """Yield the HTML piece by piece: it may be large.

    `told` is from `contents()`, `runtime` from `runtime_parts()`, or None for a page that does not run the codec;
    `codec_id` is that of the shipped models.
    """
    facts = told | {
        "made": datetime.date.today().isoformat(),
        "program": program_version(),
        "codec_id": codec_id,
        "runtime": runtime[0] if runtime else None,
    }
    before, after = part("page.html").split("<!-- data and scripts -->")
    yield before.replace("/* style */", part("page.css"))
    yield f'<script type="application/json" id="told">{_in_html(json.dumps(facts, ensure_ascii=False))}</script>\n'
    if runtime:
        for name, content in runtime[1].items():
            yield f'<script type="text/plain" id="part-{name}">{packed(content)}</script>\n'
        yield f'<script type="text/plain" id="part-worker">{packed("".join(map(part, WORKER)).encode())}</script>\n'
    yield '<script>\n(() => {\n"use strict";\n' + "\n".join(part(name) for name in SCRIPTS) + "\n})();\n</script>\n"
    yield after


def _in_html(text: str) -> str:
    """Return JSON in a form that cannot end its script element."""
    return text.replace("<", "\\u003c")
