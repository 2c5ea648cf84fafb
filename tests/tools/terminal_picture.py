"""Pictures of the running screens: the program talks to its parrot without a terminal, opens the link lab, and draws
what it shows.

    python -m tests.tools.terminal_picture assets/talk.svg assets/bandwidth.svg assets/lab.svg        (make pictures)

Textual's own export names a web font, which a README may not load; with another font braille dots and frames fall
apart. So lines, bars and dots are drawn as shapes here, and only words are left to the reader's fonts.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import App

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 9.0, 20.0, 15
"""SVG units; monospaced letters are 0.6 of their size wide."""
MARGIN, TITLE_HEIGHT = 14.0, 34.0
FONTS = "ui-monospace,'JetBrains Mono','SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"
CHROME, DOTS = "#1b242b", "#34444f"
"""The window around the screen, and its three buttons."""

# Box-drawing marks as SVG paths in a cell: H, V its half width and height, X, Y its whole ones; from its top left.
_LINES = {
    "─": "m0 {V}h{X}",
    "│": "m{H} 0v{Y}",
    "╭": "m{X} {V}h-1q-3.5 0 -3.5 4v6",
    "╮": "m0 {V}h1q3.5 0 3.5 4v6",
    "╰": "m{H} 0v6q0 4 3.5 4h1",
    "╯": "m{H} 0v6q0 4 -3.5 4h-1",
}
_BARS = {"━": "m0 {V}h{X}", "╸": "m0 {V}h{H}", "╺": "m{H} {V}h{H}"}
_LINE_WIDTH, _BAR_WIDTH, _DOT_WIDTH, _PEARL_WIDTH = 1.2, 4.0, 1.6, 2.6
_BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of each bit of a braille character."""

WAIT_S = 60.0
DEVICES_S = 2.0
"""Until microphone and loudspeaker are open."""
OVERS_S = (4.0, 5.0)
"""What is said to the parrot before the picture is taken..."""
LISTENED_S = 4.5
"""...this long into its second answer."""
CARD_S = 1.0
"""Until the card over it stands."""
LAB_S = 14.0
"""Of speech in the lab: its waveforms fill most of the width."""


def draw(lines: Sequence[Iterable[Segment]], columns: int, background: str, title: str) -> str:
    """Return an SVG document of a screen: its rows as segments, in a window with a title."""
    shapes: defaultdict[tuple[str, float], list[str]] = defaultdict(list)
    below: list[str] = []
    words: list[str] = []
    for row, segments in enumerate(lines):
        y = TITLE_HEIGHT + row * CELL_HEIGHT
        x = MARGIN
        for segment in segments:
            if segment.control:
                continue
            style = segment.style or Style()
            width = cell_len(segment.text) * CELL_WIDTH
            colour, behind = _hex(style.color, "#ffffff"), _hex(style.bgcolor, background)
            if style.reverse:
                colour, behind = behind, colour
            if behind != background:
                below.append(
                    f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{CELL_HEIGHT:g}" fill="{behind}"'
                    ' shape-rendering="crispEdges"/>'
                )
            words += _draw_text(segment.text, x, y, colour, bool(style.bold), shapes)
            x += width
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = TITLE_HEIGHT + len(lines) * CELL_HEIGHT + MARGIN
    drawn = [
        f'<path d="{"".join(path)}" stroke="{colour}" stroke-width="{thickness:g}"'
        f' stroke-linecap="{"round" if thickness in (_DOT_WIDTH, _PEARL_WIDTH) else "butt"}"/>'
        for (colour, thickness), path in shapes.items()
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">',
            f'<rect width="{width:g}" height="{height:g}" rx="10" fill="{background}"/>',
            f'<path d="M0 26V10Q0 0 10 0H{width - 10:g}Q{width:g} 0 {width:g} 10V26z" fill="{CHROME}"/>',
            *(f'<circle cx="{18 + 18 * place}" cy="13" r="5" fill="{DOTS}"/>' for place in range(3)),
            f'<g font-family="{FONTS}" font-size="{FONT_SIZE}" xml:space="preserve">',
            f'<text x="{width / 2:g}" y="18" text-anchor="middle" font-size="13" fill="#8fa3af">{escape(title)}</text>',
            *below,
            '<g fill="none">',
            *drawn,
            "</g>",
            *words,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _draw_text(
    text: str, x: float, y: float, colour: str, bold: bool, shapes: defaultdict[tuple[str, float], list[str]]
) -> list[str]:
    """Put the marks of a run into the shapes, and return its words as SVG text."""
    words: list[str] = []
    word, word_x = "", x
    for character in [*text, "\0"]:
        pieces = _mark(character, x, y)
        if pieces is None and character not in " \0":
            word_x = word_x if word else x
            word += character
        elif word:
            length = cell_len(word) * CELL_WIDTH
            weight = ' font-weight="bold"' if bold else ""
            words.append(
                f'<text x="{word_x:g}" y="{y + 15:g}" textLength="{length:g}" fill="{colour}"{weight}>'
                f"{escape(word)}</text>"
            )
            word = ""
        for thickness, path in pieces or ():
            shapes[colour, thickness].append(path)
        x += cell_len(character) * CELL_WIDTH
    return words


def _mark(character: str, x: float, y: float) -> list[tuple[float, str]] | None:
    """Return the shapes that draw a character, (thickness, path) each; None for a letter."""
    sizes = {"X": CELL_WIDTH, "Y": CELL_HEIGHT, "H": CELL_WIDTH / 2, "V": CELL_HEIGHT / 2}
    for marks, thickness in ((_LINES, _LINE_WIDTH), (_BARS, _BAR_WIDTH)):
        if character in marks:
            return [(thickness, f"M{x:g} {y:g}{marks[character].format(**sizes)}")]
    if character == "·":
        return [(_DOT_WIDTH, f"M{x + CELL_WIDTH / 2:g} {y + CELL_HEIGHT / 2:g}h0")]
    if 0x2800 <= ord(character) <= 0x28FF:
        return [
            (_PEARL_WIDTH, f"M{x + CELL_WIDTH * (0.25 + column / 2):g} {y + CELL_HEIGHT * (row + 0.5) / 4:g}h0")
            for bit, (column, row) in enumerate(_BRAILLE_DOTS)
            if ord(character) >> bit & 1
        ]
    return None


def _hex(colour: Color | None, default: str) -> str:
    return default if colour is None or colour.is_default else colour.get_truecolor().hex


async def take(path: str, bandwidth_path: str, columns: int = 92, rows: int = 30) -> None:
    """Say something to the parrot, and draw the screen while it answers, then what the conversation took so far."""
    from app.settings.model import Settings
    from app.tui.talk.app import TalkApp
    from app.tui.talk.next_station import Start
    from app.tui.talk.phase import Phase

    app = TalkApp(Start(Settings(name="Anna")))
    async with app.run_test(size=(columns, rows)) as pilot:

        async def until(phase: Phase) -> None:
            async with asyncio.timeout(WAIT_S):
                while app.talk_screen.phase is not phase:
                    await pilot.pause(0.05)

        await until(Phase.QUIET)
        await pilot.pause(DEVICES_S)
        for speech_s in OVERS_S:
            await pilot.press("space")
            await until(Phase.ON_AIR)
            await pilot.pause(speech_s)
            await pilot.press("space")
            await until(Phase.RECEIVING)
            if speech_s != OVERS_S[-1]:
                await until(Phase.QUIET)
        await pilot.pause(LISTENED_S)
        drawn = {path: _drawn(app, columns)}
        await pilot.press("b")
        await pilot.pause(CARD_S)
        drawn[bandwidth_path] = _drawn(app, columns)
        await app.action_leave()
    if app.failure is not None:
        raise app.failure
    for target, svg in drawn.items():
        with open(target, "w", encoding="utf-8") as file:
            file.write(svg)


async def take_lab(path: str, columns: int = 92, rows: int = 26) -> None:
    """Let the clips speak through the lab's lanes on its first link, and draw them."""
    from app.audio.streams import open_portaudio
    from app.clips import speech_of
    from app.lab.state import LabStart
    from app.settings.model import Settings
    from app.tui.lab.app import LabApp

    app = LabApp(LabStart(speech_of(None)), lambda: open_portaudio(Settings()))
    async with app.run_test(size=(columns, rows)) as pilot:
        async with asyncio.timeout(WAIT_S):
            while app.lab_screen.picture is None or app.lab_screen.picture.seconds < LAB_S:
                await pilot.pause(0.05)
        drawn = _drawn(app, columns)
        await app.action_leave()
    if app.failure is not None:
        raise app.failure
    with open(path, "w", encoding="utf-8") as file:
        file.write(drawn)


def _drawn(app: App[int], columns: int) -> str:
    lines = app.screen._compositor.render_strips()
    return draw(lines, columns, app.theme_variables["background"].lower(), app.TITLE or "")


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], sys.argv[2]))
    asyncio.run(take_lab(sys.argv[3]))
