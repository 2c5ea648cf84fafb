"""Frames whose bytes were worked out by hand, any frames, and frames with any content behind good checks."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import strategies as st

from transport.protocol import frames
from transport.protocol.frames import (
    Beacon,
    Begin,
    End,
    Frame,
    Mode,
    Ping,
    Pong,
    Receipt,
    Refusal,
    Repeat,
    Text,
    Voice,
    VoiceWithCopies,
)
from transport.protocol.open_frames import crc16
from transport.texts import is_plain

DOCUMENTS = Path(__file__).parents[2] / "transport" / "docs"
NONCE = bytes(range(8))
PACKET = bytes(range(32))
COPY = bytes(range(32, 40))
OPEN_VECTORS: list[tuple[Frame, str]] = [
    (
        Begin(0x5A, 0, NONCE, 1_700_000_000, 0x1234, 2, "Ada", "Bob"),
        "11 5a 00 00 70 dc 00 01 02 03 04 05 06 07 65 53 f1 00 12 34 20 03 41 64 61 03 42 6f 62 d5 4a",
    ),
    (
        Voice(0x5A, 1, (PACKET,)),
        "12 5a 00 01 fb 21 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f "
        "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 23 b3",
    ),
    (
        VoiceWithCopies(0x5A, 2, (PACKET,), copies=(COPY,)),
        "1a 5a 00 02 4e 81 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f "
        "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20 21 22 23 24 25 26 27 04 76",
    ),
    (End(0x5A, 2, 1), "13 5a 00 02 bd f6 00 01 0d 2e"),
    (Receipt(0x5A, 2, 1), "14 5a 00 02 ec db 00 01 0d 2e"),
    (Text(0xC3, 0x0102, "Ada", "QTH?", "Bob"), "15 c3 01 02 4f f6 03 41 64 61 03 42 6f 62 51 54 48 3f 98 b8"),
    (Beacon(0, 0), "16 00 00 00 b8 fe 00 e1 f0"),
    (Beacon(0xC3, 0x0102, "Ada"), "16 c3 01 02 d4 2a 03 41 64 61 8e e8"),
    (Beacon(0xC3, 0x0102, "Ada", leaves=True), "16 c3 01 02 d4 2a 03 41 64 61 01 88 67"),
    (Ping(7, 8, 0xDEADBEEF), "17 07 00 08 ca d2 de ad be ef 40 97"),
    (Pong(7, 8, 0xDEADBEEF), "18 07 00 08 1e 3c de ad be ef 40 97"),
    (Refusal(0x5A, 2, Mode.SEALED, 0x0D2E), "19 5a 00 02 d5 5d 02 0d 2e 11 0c"),
]


printable = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=24).filter(is_plain)
names = printable.filter(lambda text: len(text.encode()) <= frames.MAX_NAME_BYTES)
texts = printable.map(lambda text: text * 2).filter(lambda text: len(text.encode()) <= frames.MAX_TEXT_BYTES)
bytes_8, shorts, longs = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
packets = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=12).map(tuple)
copies = st.binary(min_size=8, max_size=8)
profiles = st.none() | st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=8, max_size=8)
ks = st.integers(1, 6)
any_with_copies = ks.flatmap(
    lambda k: st.builds(
        VoiceWithCopies,
        bytes_8,
        shorts,
        st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=k).map(tuple),
        copies=st.lists(copies, min_size=k, max_size=k).map(tuple),
    )
)
any_frame: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Begin, bytes_8, shorts, nonces, longs, shorts, ks, names, names, st.sampled_from(Repeat), profiles),
    st.builds(Voice, bytes_8, shorts, packets),
    any_with_copies,
    st.builds(End, bytes_8, shorts, shorts),
    st.builds(Receipt, bytes_8, shorts, shorts),
    st.builds(Text, bytes_8, shorts, names, texts, names),
    st.builds(Beacon, bytes_8, shorts, names, st.booleans(), st.just(b"") | st.binary(min_size=8, max_size=8)),
    st.builds(Ping, bytes_8, shorts, longs),
    st.builds(Pong, bytes_8, shorts, longs),
)
any_open_frame = any_frame | st.builds(Refusal, bytes_8, shorts, st.sampled_from(Mode), shorts)
"""Any frame at all: a REFUSAL is a frame of the open channel, whatever the others are."""


def with_checks(header: bytes, payload: bytes) -> bytes:
    """Return bytes with both checks right, whatever they say."""
    return header + crc16(header).to_bytes(2, "big") + payload + crc16(payload).to_bytes(2, "big")


def worked_examples(document: str, language: str) -> list[tuple[str, bytes]]:
    """Return (language, bytes) of the code blocks in a document of transport whose language matches."""
    text = (DOCUMENTS / document).read_text(encoding="utf-8")
    blocks = re.findall(rf"```({language})\n(.*?)```", text, re.DOTALL)
    return [(words, bytes.fromhex(re.sub(r"#.*", "", block))) for words, block in blocks]
