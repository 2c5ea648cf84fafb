"""The key of a channel, and the bytes that its cipher makes."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from tests.support.protected import (
    KEY,
    PROTECTED_VECTORS,
    UTC_S,
)
from tests.support.vectors import NONCE
from transport.errors import (
    UsageError,
)
from transport.protection.cipher import Secret, derive_key, fingerprint
from transport.protocol.frames import Mode


def test_the_key() -> None:
    """The passphrase gives the key of the vectors; another channel's name, another key; letters typed either way, the
    same one."""
    assert KEY == derive_key("correct horse battery staple", "harbour", version=1)
    new = bytes.fromhex("8632f7f54ea287346bfbef318ccbbadca6e86348a9b8ecffe466367d27082a2e")
    assert new == derive_key("correct horse battery staple", "harbour")
    assert (927178913, 274799419) == (fingerprint(KEY), fingerprint(new))
    with pytest.raises(UsageError, match="key derivation 3"):
        derive_key("correct horse battery staple", "harbour", version=3)
    assert derive_key("caf\u00e9", "x") == derive_key("cafe\u0301", "x") != derive_key("cafe", "x")
    with pytest.raises(UsageError):
        derive_key("", "harbour")
    assert KEY.hex() not in repr(Secret(Mode.SEALED, KEY))


def test_a_vector_step_by_step() -> None:
    """The example of the README, put together with nothing but AES-CCM."""
    header, nonce = bytes.fromhex("21 5a 00 00"), NONCE
    plain = UTC_S.to_bytes(4) + bytes.fromhex("12 34 20 03 41 64 61 03 42 6f 62")
    sealed = AESCCM(KEY, tag_length=4).encrypt(nonce + header, plain, None)
    assert PROTECTED_VECTORS[0][3] == (header + nonce + sealed).hex(" ")
    ham_header = bytes.fromhex("31 5a 00 00")
    tag = AESCCM(KEY, tag_length=4).encrypt(nonce + ham_header, b"", plain)
    assert PROTECTED_VECTORS[7][3] == (ham_header + nonce + plain + tag).hex(" ")


def test_a_fingerprint_is_thirty_bits_of_a_digest() -> None:
    """It is what SHA-256 makes of the label and the key, the first bits of it."""
    key = bytes(range(32))
    digest = int.from_bytes(hashlib.sha256(b"gossamer/fingerprint" + key).digest())
    assert digest >> 226 == fingerprint(key) < 1 << 30
