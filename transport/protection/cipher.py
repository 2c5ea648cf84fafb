"""The key of a sealed or ham channel, and the bytes of its frames. No I/O, no clock; random bytes are passed in.

Every frame, integers big-endian; T is the length of the tag, 4 bytes on radios and 8 on UDP:

    byte   0              1      2   3      4 ... 11   12 ... 15     16 ...          last T
         +------+------+------+----------+-----------+-------------+---------------+-------+
         | mode | type | over | sequence |   nonce   | UTC seconds |     body      |  tag  |
         +------+------+------+----------+-----------+-------------+---------------+-------+
         |       header, in clear        |  in clear |  encrypted in a sealed channel  |
    VOICE, with copies or without, has neither nonce nor UTC seconds: its packets stand right behind the header.

The cipher is AES-256-CCM (RFC 3610) with 12 bytes of nonce: the 8 of the frame (of VOICE: those of its over's BEGIN),
then the header. That authenticates both. In the sealed mode UTC seconds and body are the plaintext; in the ham mode
they are the associated data and stay readable.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field

from transport.errors import BadTag, UsageError
from transport.protocol.frames import NONCE_BYTES, TAG_BYTES, VOICE_SHAPES, Mode
from transport.protocol.open_frames import HEADER_BYTES

KEY_BYTES = 32
"""Length of a key."""
FINGERPRINT_LABEL = b"gossamer/fingerprint"
"""Text that is hashed before the key: what is shown of a key must be of no use for anything else."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """A way from a passphrase to a key (RFC 7914)."""

    salt: str
    """Beginning of the salt, before the channel's name: the same passphrase gives every channel another key."""
    n: int
    """Cost: scrypt takes 1024 n bytes of memory, and time in proportion."""
    r: int = 8
    p: int = 1


KEY_VERSION = 2
"""The derivation of all new keys. Stations of another version are other passphrases to one another."""
DERIVATIONS = {1: Derivation("gossamer/1", 2**15), 2: Derivation("gossamer/2", 2**17)}
"""The derivations by their version. Version 1 is for captures that were made with it.

Version 2 takes 128 MiB, and 0.5 s on a core of a server. A Raspberry Pi 4, four to five times slower, needs some 2 s,
and a Zero 2 W some 5 s (estimates). A station pays it once a start, and whoever recorded a frame once for every guess:
a graphics card of 24 GB has room for fewer than 200 guesses at a time. Twice the memory would not fit into 512 MB.
"""


@dataclass(frozen=True, slots=True)
class Secret:
    """The mode and the key that the stations of a protected channel share."""

    mode: Mode
    """SEALED or HAM."""
    key: bytes = field(repr=False)
    """32 bytes."""


def derive_key(passphrase: str, channel: str, version: int = KEY_VERSION) -> bytes:
    """Return 32 bytes from what people type: scrypt over the passphrase, salted with the version and the channel.

    Both are UTF-8 in Unicode's form NFC, in which the same letters typed on different systems are the same bytes. Slow
    and large on purpose: not for the event loop. version: one of DERIVATIONS. Raise UsageError for an empty passphrase
    or another version.
    """
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    if not passphrase:
        raise UsageError("an empty passphrase protects nothing")
    if version not in DERIVATIONS:
        raise UsageError(f"there is no key derivation {version}, only {sorted(DERIVATIONS)}")
    how = DERIVATIONS[version]
    salt = (how.salt + unicodedata.normalize("NFC", channel)).encode()
    kdf = Scrypt(salt=salt, length=KEY_BYTES, n=how.n, r=how.r, p=how.p)
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())


def fingerprint(key: bytes) -> int:
    """Return a number of 30 bits that tells a key from others, and nothing else of it, to be compared by voice."""
    digest = hashlib.sha256(FINGERPRINT_LABEL + key).digest()
    return int.from_bytes(digest[:4]) >> 2


class Cipher:
    """The cipher of a channel: tags, and in the sealed mode encryption. It keeps nothing between frames."""

    def __init__(self, secret: Secret, tag_bytes: int) -> None:
        """Take the secret and the length of the tag, 4 or 8, the same at every station of a link."""
        # Imported here, because an open station must not pay 6 MB and 0.1 s for what it never uses.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESCCM

        if secret.mode not in (Mode.SEALED, Mode.HAM) or tag_bytes not in TAG_BYTES or len(secret.key) != KEY_BYTES:
            raise UsageError(f"no such channel: mode {secret.mode}, a tag of {tag_bytes} bytes")
        self._hides = secret.mode is Mode.SEALED
        self._tag_bytes = tag_bytes
        self._aead = AESCCM(secret.key, tag_length=tag_bytes)
        self._invalid = InvalidTag

    def close(self, header: bytes, nonce: bytes, rest: bytes, bound: bytes = b"") -> bytes:
        """Return the frame of a header (4 bytes), a nonce (8) and the rest: UTC seconds and body, or packets.

        The same header and nonce must never come with two different rests. `bound` is not sent: who opens the frame
        must know it.
        """
        shown = header if header[0] & 0x0F in VOICE_SHAPES else header + nonce
        if self._hides:
            return shown + self._aead.encrypt(nonce + header, rest, bound or None)
        return shown + rest + self._aead.encrypt(nonce + header, b"", rest + bound)

    def open(self, octets: bytes, over_nonce: bytes | None = None, bound: bytes = b"") -> tuple[bytes, bytes]:
        """Return the nonce, and what stood behind it. `over_nonce`: for VOICE, the 8 bytes of its over's BEGIN.

        Raise BadTag, and nothing else for any bytes that have the shape of a frame (open_frames.peek_mode).
        """
        header, rest = octets[:HEADER_BYTES], octets[HEADER_BYTES:]
        if over_nonce is None:
            nonce, rest = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        else:
            nonce = over_nonce
        try:
            if self._hides:
                return nonce, self._aead.decrypt(nonce + header, rest, bound or None)
            said, tag = rest[: -self._tag_bytes], rest[-self._tag_bytes :]
            self._aead.decrypt(nonce + header, tag, said + bound)
        except (self._invalid, ValueError):
            raise BadTag("the tag does not match") from None
        return nonce, said
