"""Kinds of files, told by their first bytes and by the ends of their names: what is read, what is written over."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from app.errors import FileProblem, os_reason
from codec.format import PACKET_BYTES

START_BYTES = 2048
"""First bytes of a file that tell its kind: a frame of MP3 or AAC and the next one's header, at usual bit rates."""
_TEXT_BYTES = 64
"""First bytes of a file that are letters where it is text."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file."""

    name: str
    """Its name with an article, as in "this is a WAV file"."""
    suffixes: tuple[str, ...]
    """Ends of the names of such files, the usual one first."""
    magic: tuple[tuple[int, bytes], ...] = ()
    """Places and bytes that mark such a file, any of which is enough; none where nothing marks it."""


PACKETS = FileKind("a file of packets", (".g800",))
WAV = FileKind("a WAV file", (".wav", ".wave"), ((0, b"RIFF"), (0, b"RIFX"), (0, b"RF64")))
FLAC = FileKind("a FLAC file", (".flac",), ((0, b"fLaC"),))
OGG = FileKind("an Ogg file", (".ogg", ".oga", ".opus"), ((0, b"OggS"),))
AIFF = FileKind("an AIFF file", (".aiff", ".aif"), ((0, b"FORM"),))
AU = FileKind("an AU file", (".au", ".snd"), ((0, b".snd"),))
CAF = FileKind("a CAF file", (".caf",), ((0, b"caff"),))
MP3 = FileKind("an MP3 file", (".mp3",), ((0, b"ID3"),))
AAC = FileKind("an AAC file", (".aac",))
M4A = FileKind("an MP4 file", (".m4a", ".mp4", ".3gp", ".mov"), ((4, b"ftyp"),))
WEBM = FileKind("a WebM file", (".webm", ".mkv", ".mka"), ((0, b"\x1a\x45\xdf\xa3"),))
WMA = FileKind("a WMA file", (".wma", ".wmv", ".asf"), ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),))
AMR = FileKind("an AMR file", (".amr",), ((0, b"#!AMR"),))
PNG = FileKind("a PNG picture", (".png",), ((0, b"\x89PNG"),))
HTML = FileKind("a web page", (".html", ".htm"), ((0, b"<!doctype html"), (0, b"<!DOCTYPE html")))
CAPTURE = FileKind("a capture of frames", (".capture",), ((0, b'{"format": "gossamer-capture'),))
OVER = FileKind("a recorded over", (".over",), ((0, b'{"format": "gossamer-over'),))
TEXT = FileKind("text", (".txt", ".md", ".json", ".csv", ".toml"))
WAVPACK = FileKind("a WavPack file", (".wv",), ((0, b"wvpk"),))
MIDI = FileKind("a MIDI file", (".mid", ".midi"), ((0, b"MThd"),))
JPEG = FileKind(
    "a JPEG picture", (".jpg", ".jpeg"), tuple((0, b"\xff\xd8\xff" + bytes([kind])) for kind in range(0xC0, 0xFF))
)
GIF = FileKind("a GIF picture", (".gif",), ((0, b"GIF8"),))
TIFF = FileKind("a TIFF picture", (".tif", ".tiff"), ((0, b"II*\0"), (0, b"MM\0*")))
PDF = FileKind("a PDF document", (".pdf",), ((0, b"%PDF"),))
ZIP = FileKind("a ZIP archive", (".zip", ".jar", ".docx", ".xlsx", ".odt"), ((0, b"PK\3\4"), (0, b"PK\5\6")))
GZIP = FileKind("a gzip archive", (".gz", ".tgz"), tuple((0, b"\x1f\x8b\x08" + bytes([flags])) for flags in range(32)))
BZIP2 = FileKind("a bzip2 archive", (".bz2",), ((4, b"1AY&SY"),))
XZ = FileKind("an xz archive", (".xz",), ((0, b"\xfd7zXZ\0"),))
ZSTD = FileKind("a Zstandard archive", (".zst",), ((0, b"\x28\xb5\x2f\xfd"),))
SEVEN_ZIP = FileKind("a 7z archive", (".7z",), ((0, b"7z\xbc\xaf\x27\x1c"),))
RAR = FileKind("a RAR archive", (".rar",), ((0, b"Rar!\x1a\x07"),))
TAR = FileKind("a tar archive", (".tar",), ((257, b"ustar"),))
ELF = FileKind("a program", (".so", ".elf"), ((0, b"\x7fELF"),))
DATABASE = FileKind("an SQLite database", (".db", ".sqlite"), ((0, b"SQLite format 3\0"),))
KINDS = (
    *(PACKETS, WAV, FLAC, OGG, AIFF, AU, CAF, MP3, AAC, M4A, WEBM, WMA, AMR, WAVPACK, MIDI),
    *(PNG, JPEG, GIF, TIFF, PDF, HTML, ZIP, GZIP, BZIP2, XZ, ZSTD, SEVEN_ZIP, RAR, TAR, ELF, DATABASE),
    *(CAPTURE, OVER, TEXT),
)
"""All kinds that are known."""
SOUND = (WAV, FLAC, OGG, AIFF, AU, CAF, MP3)
"""Sound that can be read."""
OTHER_SOUND = (AAC, M4A, WEBM, WMA, AMR, WAVPACK)
"""Sound that cannot be read here."""
_LETTERS = frozenset(range(0x20, 0x7F)) | {9, 10, 12, 13}


def kind_of(start: bytes) -> FileKind | None:
    """Return the kind of a file that begins so; None where nothing marks it, as in packets and raw sound.

    What consists of letters is text: packets, or sound, of which that is true by chance are none in 10^13.
    """
    for kind in KINDS:
        if any(start.startswith(octets, place) for place, octets in kind.magic):
            return kind
    if (framed := _kind_of_frames(start)) is not None:
        return framed
    return TEXT if start and all(octet in _LETTERS for octet in start[:_TEXT_BYTES]) else None


def _kind_of_frames(start: bytes) -> FileKind | None:
    """Return MP3 or AAC where frames of that stand one after another, without a mark before the first.

    The next frame's header is asked for as well, unless the file ends before it: the twelve bits of one alone are often
    a sample of raw sound. A header of AAC that leaves its length out is one, for hardly any sound begins so.
    """
    for kind, frame_bytes in ((AAC, _adts_frame_bytes), (MP3, _mpeg_frame_bytes)):
        size = frame_bytes(start)
        if size is None:
            continue
        cut = len(start) <= size and len(start) < START_BYTES
        if size == 0 or cut or (start[:2] == start[size : size + 2] and frame_bytes(start[size:]) is not None):
            return kind
    return None


SHORTEST_ADTS_BYTES = 7
"""Length of a header of ADTS without its checksum."""


def _adts_frame_bytes(header: bytes) -> int | None:
    """Return the length of the AAC frame that begins so (ISO/IEC 13818-7, 6.2: ADTS), None where none does.

    0 is the length of one whose header has less than its own.
    """
    if len(header) < SHORTEST_ADTS_BYTES or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return None
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size >= SHORTEST_ADTS_BYTES else 0


_BIT_RATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s of layer III in MPEG 1, from index 1 (ISO/IEC 11172-3, 2.4.2.3)."""
_BIT_RATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""kbit/s of layer III in MPEG 2 and 2.5, from index 1 (ISO/IEC 13818-3, 2.4.2.3)."""
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Sampling rates by the two bits that tell the version: 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5."""


def _mpeg_frame_bytes(header: bytes) -> int | None:
    """Return the length of the frame of MPEG layer III that begins so, None where none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, bit_rate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATES_HZ or not 0 < bit_rate < 15 or rate == 3:
        return None
    kbit_per_s, halves = (_BIT_RATES_1, 2) if version == 3 else (_BIT_RATES_2, 1)
    return 72 * halves * 1000 * kbit_per_s[bit_rate - 1] // _RATES_HZ[version][rate] + (header[2] >> 1 & 1)


def kind_of_file(path: str | Path) -> FileKind | None:
    """Return the kind of an ordinary file, None for anything else. Raises FileProblem."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            ordinary = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            return kind_of(stream.read(START_BYTES)) if ordinary else None
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {os_reason(error)}") from error


def check_output(path: str | Path, kind: FileKind, *, force: bool = False) -> None:
    """Raise FileProblem where a file of this kind would replace one of another kind, or have the name of one.

    force: the user has said that it may.
    """
    target = Path(path)
    if force or str(path) == "-":
        return
    named = kind_by_name(target)
    if named is not None and named is not kind:
        cause = f"what is written is {kind.name}, and {target} is the name of {named.name}"
        raise FileProblem(cause, f"name it {target.stem}{kind.suffixes[0]}, or add --force")
    if not target.is_file() or not target.stat().st_size:
        return
    found = kind_of_file(target)
    if kind is PACKETS:
        same = found is None and named is PACKETS and not target.stat().st_size % PACKET_BYTES
    else:
        same = found is kind
    if not same:
        raise FileProblem(f"{target} is there already, and is not {kind.name}", "name another file, or add --force")


def kind_by_name(path: str | Path) -> FileKind | None:
    """Return the kind that the end of a file's name tells of; None where it tells nothing."""
    suffix = Path(path).suffix.lower()
    return next((kind for kind in KINDS if suffix in kind.suffixes), None)


def no_sound(path: str, kind: FileKind | None) -> FileProblem:
    """Return what is wrong with a file of this kind that was to be read as sound, and what helps."""
    named = kind_by_name(path)
    if kind is None and named in OTHER_SOUND:
        kind = named
    if kind in OTHER_SOUND and kind is not None:
        cure = f"make a WAV file of it, with `ffmpeg -i {path} sound.wav`"
        if path == "-":
            cure = "let ffmpeg make WAV of it on the way: `ffmpeg -i FILE -f wav - | gossamer ...`"
        return FileProblem(f"{path} is {kind.name}, which is not read here", cure)
    if kind in SOUND and kind is not None:
        cause = f"{path} begins as {kind.name}, and is no sound file that can be read: it is damaged or cut"
        return FileProblem(cause, "get it once more")
    if kind is not None:
        return FileProblem(f"{path} is {kind.name}, and is no sound file", "name a recording")
    cause = f"{path} is no sound file that can be read (WAV, FLAC, Ogg or MP3 are)"
    if named is PACKETS:
        return FileProblem(cause, "packets become sound with `gossamer decode`")
    return FileProblem(cause, f"where it is raw 16-bit sound at 8 kHz, it goes through a pipe: - < {Path(path).name}")
