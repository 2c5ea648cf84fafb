"""The codec's networks, and the torch twin of the feature extractor. Needs the extra `train`: make test-train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import features, format  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from codec.training.model.analysis import Analysis  # noqa: E402
from codec.training.model.grow import load_grown  # noqa: E402
from codec.training.model.network import Codec, CodecConfig, Decoder, Encoder, flip_bits, quantise  # noqa: E402
from tests.support.signals import vowel  # noqa: E402


def test_the_torch_twin_computes_the_same_features():
    """One feature extractor: numpy and torch agree."""
    sound = vowel(130, 1.0) + 0.01 * np.random.default_rng(1).standard_normal(8000).astype(np.float32)
    power = features.power_spectrum(features.frames_of(sound))
    analysis = Analysis()
    padded = torch.from_numpy(np.concatenate([np.zeros(240, np.float32), sound]))[None]
    energies, periodicity = analysis(padded)
    assert np.allclose(features.band_energies(power), energies[0].numpy(), atol=2e-4)
    expected = power @ features.lag_matrix().T / (power @ features.energy_row() + features.POWER_FLOOR)[:, None]
    assert np.allclose(expected, periodicity[0].numpy(), atol=2e-3)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_streamed_in_packets_equals_whole(kind):
    """Packet by packet with the state carried is what training computes on a whole segment."""
    torch.manual_seed(0)
    config = CodecConfig(frame_channels=16, latent_channels=24)
    network = (Encoder(config) if kind == "encoder" else Decoder(config)).eval()
    torch.nn.init.normal_(network.mixer.spread.weight, std=0.1)
    if kind == "encoder":
        inputs = [torch.rand(1, 5, 32, format.BANDS), torch.rand(1, 5, 32, features.LAGS)]
    else:
        inputs = [torch.randn(1, 5, 8, 16), torch.tensor([0.0, 1, 1, 0, 0]).reshape(1, 5, 1, 1)]
    with torch.no_grad():
        whole = network(*inputs, network.tails(1))[-2]
        tails, pieces = network.tails(1), []
        for packet in range(5):
            *_, piece, tails = network(*(x[:, packet : packet + 1] for x in inputs), tails)
            pieces.append(piece)
    assert torch.allclose(whole, torch.cat(pieces, dim=1), atol=1e-5)


def test_a_grown_codec_begins_as_the_one_it_grew_from():
    """More blocks and a hidden layer in the stem change nothing at first, and learn from the first step on; other
    widths are refused."""
    torch.manual_seed(2)
    small = CodecConfig(frame_channels=16, latent_channels=24)
    old, grown = Codec(small), Codec(replace(small, encoder_frame_blocks=5, encoder_stem_hidden=8))
    load_grown(grown, old.state_dict(), "old: its codec")
    inputs = torch.rand(1, 64, format.BANDS), torch.rand(1, 64, features.LAGS), torch.zeros(1, 2, 1, 1)
    before, after = (codec(*inputs, torch.zeros(1, 1, 1, 1))[0] for codec in (old, grown))
    assert torch.allclose(before, after, atol=1e-6)
    after.square().sum().backward()
    gradients = {name: weights.grad for name, weights in grown.encoder.named_parameters()}
    assert all(float(gradients[name].abs().sum()) > 0 for name in ("frames.blocks.4.scale", "stem.narrow.weight"))
    with pytest.raises(TrainingError, match="its codec has other layers or widths than the recipe: leave them out"):
        load_grown(Codec(replace(small, latent_channels=32)), old.state_dict(), "old: its codec")


def test_a_packet_sees_the_past_alone():
    """What comes in later packets changes nothing before."""
    network = Encoder(CodecConfig(frame_channels=16, latent_channels=24)).eval()
    torch.nn.init.normal_(network.mixer.spread.weight, std=0.1)
    energies, periodicity = torch.rand(1, 4, 32, format.BANDS), torch.rand(1, 4, 32, features.LAGS)
    changed = energies.clone()
    changed[:, 2:] = 0.0
    one, _ = network(energies, periodicity, network.tails(1))
    two, _ = network(changed, periodicity, network.tails(1))
    assert torch.equal(one[:, :2], two[:, :2]) and not torch.equal(one[:, 2:], two[:, 2:])


def test_rounding_passes_the_gradient_and_flips_follow_the_gray_code():
    """Four levels out; every flip is a neighbour or a mirror image."""
    latents = torch.linspace(-2, 2, 128).reshape(1, 1, 8, 16).requires_grad_()
    levels = quantise(latents)
    assert {-1.5, -0.5, 0.5, 1.5} == set(levels.detach().flatten().tolist())
    levels.sum().backward()
    assert torch.equal(torch.ones_like(latents), latents.grad)
    assert torch.equal(levels, flip_bits(levels, torch.zeros(1, 1, 1, 1)))
    assert torch.equal(-levels.sign() * (2 - levels.abs()), flip_bits(levels, torch.ones(1, 1, 1, 1)))
