"""The exported forms compute what was trained. Needs the extra `train`: make test-train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import format  # noqa: E402
from codec.training.export.graphs import DecoderGraph, EncoderGraph  # noqa: E402
from codec.training.model.analysis import Analysis  # noqa: E402
from codec.training.model.network import CodecConfig, Decoder, Encoder, folded, quantise, sharpened  # noqa: E402
from tests.support.networks import shaken, streamed  # noqa: E402
from tests.support.signals import vowel  # noqa: E402
from vocoder import pulse_source as source  # noqa: E402
from vocoder.training.export.harmonic_graph import VocoderGraph  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.model.harmonic import Vocoder  # noqa: E402

PACKETS = 4
CODEC = CodecConfig(frame_channels=16, latent_channels=24, packet_hidden=20)


@pytest.mark.parametrize("hidden", [0, 12])
@torch.no_grad()
def test_the_encoder_graph_is_the_trained_encoder(hidden):
    """Samples to packets, over packets, equal analysis, network and rounding of training; with and without a hidden
    layer in the stem."""
    encoder = shaken(Encoder(replace(CODEC, encoder_stem_hidden=hidden)))
    sound = torch.from_numpy(vowel(140, PACKETS * format.PACKET_S))[None]
    energies, periodicity = Analysis()(torch.cat([torch.zeros(1, format.DELAY_SAMPLES), sound], dim=1))
    expected, _ = encoder(folded(energies), folded(periodicity), encoder.tails(1))
    graph, state = EncoderGraph(encoder), torch.zeros(1, EncoderGraph(encoder).state_size())
    for number, samples in enumerate(sound.reshape(PACKETS, 1, -1)):
        packet, latents, state = graph(samples, state)
        assert torch.allclose(expected[:, number], latents, atol=2e-3)
        bits = torch.stack([latents >= 0, latents.abs() < 1], dim=-1).numpy()
        assert np.packbits(bits.reshape(-1)).tobytes() == packet.numpy().tobytes()


@torch.no_grad()
def test_the_encoder_graph_hears_silence_where_nothing_is_a_number():
    """Not-a-number and what is too loud come out as silence and full scale."""
    graph = EncoderGraph(shaken(Encoder(CODEC)))
    state = torch.zeros(1, graph.state_size())
    odd = torch.zeros(1, format.PACKET_SAMPLES)
    odd[0, 100:200], odd[0, 300:400] = float("nan"), 7.0
    even = torch.nan_to_num(odd).clamp(-1, 1)
    for one, two in zip(graph(odd, state), graph(even, state), strict=True):
        assert torch.equal(one, two)


@torch.no_grad()
def test_the_decoder_graph_is_the_trained_decoder():
    """Packets to features equal the network of training with its contrast, lost packets fading on top."""
    decoder = shaken(Decoder(CODEC))
    random = torch.Generator().manual_seed(4)
    levels = quantise(2 * torch.randn(1, PACKETS, 8, 16, generator=random))
    bits = torch.stack([levels >= 0, levels.abs() < 1], dim=-1).numpy().reshape(PACKETS, -1)
    packets = torch.from_numpy(np.packbits(bits, axis=1))[:, None]
    lost = torch.tensor([0.0, 0.0, 1.0, 0.0])[:, None]
    _, table, _ = decoder(levels, lost.reshape(1, PACKETS, 1, 1), decoder.tails(1))
    expected = sharpened(table.reshape(1, -1, format.FEATURES)).reshape(PACKETS, 32, -1)
    found = streamed(DecoderGraph(decoder), packets, lost)
    assert torch.allclose(expected[lost[:, 0] == 0], found[lost[:, 0] == 0], atol=1e-4)
    assert torch.allclose(expected[2, :8], found[2, :8], atol=1e-4)  # 80 ms as guessed, ...
    assert found[2, -1, 1] < 0.7 * expected[2, -1, 1]  # ... then voice fades


@torch.no_grad()
def test_the_vocoder_graph_is_the_trained_vocoder():
    """Features to samples, over packets and with the noise of the table, equal the training's whole segments."""
    vocoder = shaken(Vocoder(VocoderConfig(channels=16, blocks=2)))
    random = torch.Generator().manual_seed(5)
    table = torch.rand(1, 1, format.FEATURES, generator=random).expand(1, 32 * PACKETS, -1).clone()
    table += 0.1 * torch.randn(table.shape, generator=random).cumsum(1) / 10
    table = table.clamp(0.0, 1.0)
    length = format.DELAY_SAMPLES + PACKETS * format.PACKET_SAMPLES
    expected = vocoder(table, torch.from_numpy(source.noise_table()[:length])[None])[0]
    made = streamed(VocoderGraph(vocoder), table.reshape(PACKETS, 1, 32, -1)).reshape(-1)
    assert expected.abs().max() > 0.05
    assert (expected.clamp(-1, 1) - made).abs().max() < 2e-3 * expected.abs().max()


@torch.no_grad()
def test_the_noise_goes_on_where_its_table_ends():
    """4 s after the start the noise begins again, without a seam: the same features make the same noise there."""
    graph = VocoderGraph(shaken(Vocoder(VocoderConfig(channels=16, blocks=1))))
    table = torch.zeros(1, 32, format.FEATURES)
    table[..., format.BANDS_SLICE] = 0.7  # unvoiced
    made = streamed(graph, table.expand(30, 1, 32, -1)).reshape(-1)
    repeat = made[source.NOISE_SAMPLES :][: 20 * format.PACKET_SAMPLES]
    harmonic_free = np.corrcoef(made[5120 : len(repeat)].numpy(), repeat[5120:].numpy())[0, 1]
    assert harmonic_free > 0.98
