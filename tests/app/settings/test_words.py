"""The word list, drawn passphrases, and fingerprints."""

from __future__ import annotations

from app.settings.words import PASSPHRASE_WORDS, WORDS, fingerprint_words, random_passphrase

FINGERPRINT = "panda melon chair"


def test_the_list_holds_ten_bits_a_word():
    """1024 different words of plain letters, in alphabetical order: a fingerprint depends on every one's place."""
    assert 1024 == len(set(WORDS)) == len(WORDS)
    assert sorted(WORDS) == list(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 9 for word in WORDS)


def test_drawn_passphrases_differ():
    """And are words of the list."""
    drawn = [random_passphrase() for _ in range(100)]
    assert 100 == len(set(drawn))
    assert {PASSPHRASE_WORDS} == {len(passphrase.split()) for passphrase in drawn}
    assert set(" ".join(drawn).split()) <= set(WORDS)
    assert len(set(" ".join(drawn).split())) > 250


def test_fingerprints_are_the_same_for_ever():
    """The words of a known key; another key has others."""
    assert FINGERPRINT == fingerprint_words(bytes(range(32)))
    assert FINGERPRINT != fingerprint_words(bytes(range(1, 33)))
