"""Other codecs through their libraries: coded, lost, damaged, missing."""

from __future__ import annotations

import numpy as np
import pytest

from app.codecs import CodecMissing, Peer, codec2, codec_named, opus, other_codecs
from app.errors import GossamerError

KEYS = [peer.key for peer in other_codecs()]


def installed(key: str) -> Peer:
    peer = codec_named(key)
    if reason := peer.missing():
        pytest.skip(reason)
    return peer


def hum(frame_samples: int, frames: int = 20) -> np.ndarray:
    """A voice-like buzz, 125 Hz and its harmonics: int16 [frames, frame_samples]."""
    time_s = np.arange(frames * frame_samples) / 8000
    buzz = sum(np.sin(2 * np.pi * 125 * n * time_s) / n for n in range(1, 12))
    return (5000 * np.asarray(buzz)).astype(np.int16).reshape(frames, frame_samples)


@pytest.mark.codec2
@pytest.mark.parametrize("key", KEYS)
def test_a_peer_codes_at_its_rate(key: str) -> None:
    """Frames of the length that its rate asks for, and sound about as loud as what went in."""
    peer = installed(key)
    encode, decode = peer.open_encoder(), peer.open_decoder()
    blocks = hum(peer.frame_samples)
    frames = [encode(block) for block in blocks]
    if peer.frame_bits is not None:
        assert peer.rate_bps == pytest.approx(peer.frame_bits * 8000 / peer.frame_samples)
        assert {(peer.frame_bits + 7) // 8} == {len(frame) for frame in frames}
    sound = np.concatenate([decode(frame) for frame in frames])
    assert blocks.size == sound.size
    loudness = sound[sound.size // 2 :].astype(float).std() / blocks.astype(float).std()
    assert 0.2 < loudness < 5


@pytest.mark.codec2
@pytest.mark.parametrize("key", KEYS)
def test_lost_frames_fade_and_damaged_ones_are_decoded(key: str) -> None:
    """A frame is always as long; a second of losses ends in silence; any bits give sound and no error."""
    peer = installed(key)
    encode, decode = peer.open_encoder(), peer.open_decoder()
    frames = [encode(block) for block in hum(peer.frame_samples)]
    for frame in frames:
        decode(frame)
    first, *_, last = (decode(None) for _ in range(8000 // peer.frame_samples))
    assert 0.0 < np.abs(first.astype(float)).max()
    assert np.abs(last.astype(float)).max() < 0.2 * np.abs(first.astype(float)).max() + 1
    draws = np.random.default_rng(1)
    for frame in frames:
        damaged = bytes(octet ^ int(draws.integers(256)) for octet in frame)
        assert (peer.frame_samples,) == decode(damaged).shape
    assert (peer.frame_samples,) == decode(b"").shape


@pytest.mark.codec2
@pytest.mark.parametrize("key", KEYS)
def test_another_length_is_refused(key: str) -> None:
    """C code would read past its end."""
    peer = installed(key)
    with pytest.raises(ValueError, match="int16"):
        peer.open_encoder()(np.zeros(peer.frame_samples - 1, np.int16))
    with pytest.raises(ValueError, match="int16"):
        peer.open_encoder()(np.zeros(peer.frame_samples, np.float32))


def test_a_missing_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every peer says which Debian package brings it, and opening it says the same."""
    for module in (codec2, opus):
        monkeypatch.setattr(module, "_library", lambda: None)
    for peer in other_codecs():
        assert ("apt-get install codec2" if "codec2" in peer.key else "apt-get install libopus0") in str(peer.missing())
        with pytest.raises(CodecMissing, match="apt-get install"):
            peer.open_encoder()
        with pytest.raises(CodecMissing, match="apt-get install"):
            peer.open_decoder()


def test_an_unknown_codec_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(GossamerError, match=r"codec2-450.*opus-6k"):
        codec_named("mp3")
