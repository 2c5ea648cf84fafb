from __future__ import annotations

import numpy as np
import pytest

from codec import format, packing
from codec.encoder import Encoder, PacketAssembler
from codec.models import ENCODER, load_model
from tests.support.signals import FIXTURES, clip, encode_all, packets_of


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


@pytest.mark.parametrize("size", [1, 80, 441, 2560])
def test_the_size_of_the_blocks_does_not_matter(encoder, size):
    """PCM in blocks of any size gives the packets of the whole."""
    sound = clip()[:20_000]
    whole = encode_all(sound, encoder)
    assembler = PacketAssembler(encoder)
    assembler.reset()
    pieces = [packet for start in range(0, len(sound), size) for packet in assembler.push(sound[start : start + size])]
    assert whole == b"".join(pieces + assembler.flush())


def test_a_packet_depends_on_the_past_alone(encoder):
    """Causality: what comes after a packet cannot change it."""
    sound = clip()[: 6 * format.PACKET_SAMPLES]
    other = sound.copy()
    other[3 * format.PACKET_SAMPLES :] = 0.3
    one, two = packets_of(encode_all(sound, encoder)), packets_of(encode_all(other, encoder))
    assert one[:3] == two[:3]
    assert one[3:] != two[3:]


@pytest.mark.parametrize(("samples", "packets"), [(0, 0), (1, 1), (800, 1), (2560, 1), (2561, 2)])
def test_length_of_the_result(encoder, samples, packets):
    """32 * ceil(samples / 2560) bytes, down to a tenth of a second and nothing."""
    assert 32 * packets == len(encode_all(clip()[:samples], encoder))


def test_packets_equal_those_of_the_trained_network(encoder):
    """The exported graph makes the very packets that PyTorch made, over 100 packets."""
    fixture = np.load(FIXTURES / "reference.npz")
    made = encode_all(fixture["samples"].astype(np.float32) / 32768.0, encoder)
    different = np.unpackbits(np.frombuffer(made, np.uint8) ^ fixture["packets"].reshape(-1)).mean()
    assert different <= 0.0005  # a value on the edge between two levels may fall either way on another processor


def test_the_graph_packs_as_the_format_says():
    """The packet is the rounded latents in the documented bit order."""
    model = load_model(ENCODER)
    sound = clip()[: format.PACKET_SAMPLES]
    packet, latents, _ = model.session.run(None, {"samples": sound[None], "state": model.state})
    assert packing.pack(np.clip(np.floor(latents[0]) + 0.5, -1.5, 1.5)) == packet.tobytes()


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(format.PACKET_SAMPLES, np.float32),
        np.full(format.PACKET_SAMPLES, np.nan, np.float32),
        np.full(format.PACKET_SAMPLES, np.inf, np.float32),
        np.sign(np.sin(np.arange(format.PACKET_SAMPLES) / 5)).astype(np.float32),
    ],
    ids=["silence", "NaN", "infinity", "full-scale square"],
)
def test_odd_input_is_encoded_and_leaves_no_trace(encoder, sound):
    """Any input gives packets, and good ones again afterwards."""
    encoder.reset()
    assert 32 == len(encoder.encode(sound))
    model_state = encoder._model.state
    assert np.isfinite(model_state).all()
    speech = clip()[: format.PACKET_SAMPLES]
    assert 32 == len(encoder.encode(speech))


def test_not_a_number_counts_as_silence(encoder):
    """A broken driver is heard as a pause."""
    encoder.reset()
    broken = encoder.encode(np.full(format.PACKET_SAMPLES, np.nan, np.float32))
    encoder.reset()
    assert encoder.encode(np.zeros(format.PACKET_SAMPLES, np.float32)) == broken


def test_a_packet_of_another_size_is_refused(encoder):
    """One packet a call."""
    with pytest.raises(ValueError, match="2560 samples"):
        encoder.encode(np.zeros(100, np.float32))
