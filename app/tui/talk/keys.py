"""The keys of the talk screen, each written once, and the words that its help card explains."""

from __future__ import annotations

from textual.binding import Binding, BindingType

VOLUME = "turn the loudspeaker volume up or down"
GAIN = "turn the microphone down or up: aim at -24 to -6 dB, CLIP is too much"
SCROLL = "scroll the overs"

KEYS: list[BindingType] = [
    Binding("space", "talk", show=False, tooltip="talk: hold, or tap to begin and tap to end"),
    Binding("question_mark", "help", "keys", key_display="?", tooltip="show this card"),
    Binding("q", "app.leave", "quit", tooltip="quit; ctrl+c does too"),
    Binding("up", "volume(1)", "volume", key_display="↑", tooltip=VOLUME),
    Binding("down", "volume(-1)", "volume", key_display="↓", tooltip=VOLUME),
    Binding("plus,equals_sign", "volume(1)", show=False, key_display="+", tooltip=VOLUME),
    Binding("minus", "volume(-1)", show=False, key_display="-", tooltip=VOLUME),
    Binding("p", "missed", "missed", tooltip="play what you missed, the oldest first; again: the next of it"),
    Binding("m", "mute", "mute", tooltip="turn the loudspeaker off or on"),
    Binding("left_square_bracket", "gain(-1)", "gain", key_display="[", tooltip=GAIN),
    Binding("right_square_bracket", "gain(1)", "gain", key_display="]", tooltip=GAIN),
    Binding("d", "devices", "devices", tooltip="choose microphone and loudspeaker"),
    Binding("v", "vox", show=False, tooltip="talk by voice, without a key; again: with the key only"),
    Binding("r", "replay", show=False, tooltip="hear the last over once more; again: stop that"),
    Binding("t", "addressee", show=False, tooltip="choose to whom you talk and write: that station confirms"),
    Binding(
        "l",
        "app.links",
        show=False,
        tooltip="open another link: contacts and recent ones; one that does not open changes nothing",
    ),
    Binding("b", "link_account", show=False, tooltip="see the bits on this link, beside what others would need"),
    Binding("c", "app.lab", show=False, tooltip="compare codecs on a thin link, side by side: the link lab"),
    Binding(
        "s", "app.set_up", show=False, tooltip="set up name, link, passphrase and devices; saved once the link works"
    ),
    Binding("enter", "write", show=False, tooltip="write a message (@NAME ...: to NAME); escape leaves it"),
    Binding("escape", "leave_field", show=False),
    Binding("pageup", "scroll_overs(-1)", show=False, key_display="page up", tooltip=SCROLL),
    Binding("pagedown", "scroll_overs(1)", show=False, key_display="page down", tooltip=SCROLL),
]
"""Shown at the bottom with their description, as many as have room, and on the help card with their tooltip."""

MOUSE = ("mouse", "hold the talk button; wheel or click on the knobs; click on titles, link and keys")
WORDS = (
    ("ASKING", "the key is down, but you are not heard yet"),
    ("ON AIR", "you are heard, from 0.2 s before the key"),
    ("SENDING", "you let go; a slow link still carries the rest"),
    ("RECEIVING", "somebody talks; your turn comes after"),
    ("REPLAY", "the last over once more, for you alone"),
    ("REFUSED", "you cannot talk now, and why"),
)
