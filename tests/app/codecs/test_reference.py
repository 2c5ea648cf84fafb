"""Every codec through its one interface: coded, lost, damaged, missing."""

from __future__ import annotations

import numpy as np
import pytest

from app.audio.sound_files import from_int16
from app.codecs import codec2, opus
from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.codecs.reference import CodecMissing, ReferenceCodec
from app.codecs.registry import codec_named, link_codecs, other_codecs, signal_codecs
from app.errors import GossamerError
from tests.support.codecs import installed

OTHERS = [codec.key for codec in other_codecs()]
ALL = [*OTHERS, "pcm", "neural", "classic"]


def codec_of(key: str) -> ReferenceCodec:
    """The codec with this key, if it can run here."""
    ours: dict[str, ReferenceCodec] = {
        "pcm": Pcm(),
        "neural": Gossamer(),
        "classic": Gossamer(synth="classic"),
    }
    return installed(ours.get(key) or codec_named(key))


def hum(frame_samples: int, frames: int = 20) -> np.ndarray:
    """A voice-like buzz, 125 Hz and its harmonics: float32 [frames, frame_samples]."""
    time_s = np.arange(frames * frame_samples) / 8000
    buzz = sum(np.sin(2 * np.pi * 125 * n * time_s) / n for n in range(1, 12))
    return from_int16((5000 * np.asarray(buzz)).astype(np.int16)).reshape(frames, frame_samples)


@pytest.mark.codec2
@pytest.mark.parametrize("key", ALL)
def test_a_codec_codes_at_its_rate(key: str) -> None:
    """Frames of the length that its rate asks for, and sound about as loud as what went in."""
    codec = codec_of(key)
    encode, decode = codec.open_encoder(), codec.open_decoder()
    blocks = hum(codec.frame_samples)
    frames = [encode(block) for block in blocks]
    if codec.frame_bits is not None:
        assert codec.rate_bps == pytest.approx(codec.frame_bits * 8000 / codec.frame_samples)
        assert {(codec.frame_bits + 7) // 8} == {len(frame) for frame in frames}
    sound = np.concatenate([decode(frame) for frame in frames])
    assert (blocks.size, np.float32) == (sound.size, sound.dtype)
    loudness = sound[sound.size // 2 :].astype(float).std() / blocks.astype(float).std()
    assert 0.2 < loudness < 5


@pytest.mark.codec2
@pytest.mark.parametrize("key", OTHERS)
def test_lost_frames_fade_and_damaged_ones_are_decoded(key: str) -> None:
    """A frame is always as long; a second of losses ends in silence; any bits give sound and no error."""
    codec = codec_of(key)
    encode, decode = codec.open_encoder(), codec.open_decoder()
    frames = [encode(block) for block in hum(codec.frame_samples)]
    for frame in frames:
        decode(frame)
    first, *_, last = (decode(None) for _ in range(8000 // codec.frame_samples))
    assert 0.0 < np.abs(first).max()
    assert np.abs(last).max() < 0.2 * np.abs(first).max() + 1 / 32768
    draws = np.random.default_rng(1)
    for frame in frames:
        damaged = bytes(octet ^ int(draws.integers(256)) for octet in frame)
        assert (codec.frame_samples,) == decode(damaged).shape
    assert (codec.frame_samples,) == decode(b"").shape


@pytest.mark.codec2
@pytest.mark.parametrize("key", OTHERS)
def test_another_length_is_refused(key: str) -> None:
    """C code would read past its end."""
    codec = codec_of(key)
    with pytest.raises(ValueError, match="float32"):
        codec.open_encoder()(np.zeros(codec.frame_samples - 1, np.float32))
    with pytest.raises(ValueError, match="float32"):
        codec.open_encoder()(np.zeros(codec.frame_samples, np.int16))


def test_a_missing_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every codec says which Debian package brings it, and opening it says the same."""
    for module in (codec2, opus):
        monkeypatch.setattr(module, "_library", lambda: None)
    for codec in other_codecs():
        package = "codec2" if "codec2" in codec.key else "libopus0"
        assert f"apt-get install {package}" in str(codec.missing())
        with pytest.raises(CodecMissing, match="apt-get install"):
            codec.open_encoder()
        with pytest.raises(CodecMissing, match="apt-get install"):
            codec.open_decoder()


def test_an_unknown_codec_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(GossamerError, match=r"codec2-450.*opus-6k"):
        codec_named("mp3")


def test_each_lane_of_the_lab_has_a_key_of_its_own() -> None:
    """Gossamer is first, plain samples are last; the bad-signal scene has Gossamer twice, open and sealed."""
    link, signal = ([codec.key for codec in codecs] for codecs in (link_codecs(), signal_codecs()))
    assert ["gossamer", "codec2-700c", "codec2-3200", "opus-6k", "pcm"] == link
    assert ["gossamer-open", "gossamer-sealed", *link[1:]] == signal
