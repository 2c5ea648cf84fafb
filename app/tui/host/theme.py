"""The colours of the screens."""

from __future__ import annotations

from textual.theme import Theme

GOSSAMER_THEME = Theme(
    name="gossamer",
    primary="#7fdcc4",  # the far end: voice that arrives
    accent="#ffb65c",  # this end: voice that leaves
    secondary="#6fb3f2",
    success="#7fdcc4",
    warning="#f2d06b",
    error="#ff6f69",
    foreground="#d6dee3",
    background="#0d1216",
    surface="#131a1f",
    panel="#1b242b",
    dark=True,
    variables={
        "meter-low": "#4c8f80",
        "meter-good": "#7fdcc4",
        "meter-loud": "#f2d06b",
        "meter-empty": "#2b3740",
        "label": "#8fa3af",
        "faint": "#4d606d",
        "waveform-silence": "#34444f",
        "border": "#2b3740",
        "border-blurred": "#2b3740",
    },
)
"""The colours of all screens. Two carry meaning, and always beside a word: amber is us, mint is them."""
