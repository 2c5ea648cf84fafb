"""A voice that grew: the same at first, and exported as it is trained. Needs the extra `train`: make test-train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from torch import Tensor  # noqa: E402

from codec import features, format  # noqa: E402
from codec.training.errors import TrainingError  # noqa: E402
from codec.training.export.graphs import EncoderGraph  # noqa: E402
from codec.training.loop.precision import full_precision  # noqa: E402
from codec.training.losses import FeatureComparison, HearingLoss, pitch_distance  # noqa: E402
from codec.training.model.analysis import Analysis  # noqa: E402
from codec.training.model.grow import load_grown  # noqa: E402
from codec.training.model.network import Codec, Encoder, folded, quantise  # noqa: E402
from tests.support.networks import CODEC, shaken  # noqa: E402
from tests.support.signals import vowel  # noqa: E402
from vocoder.training.export.prune import prune  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.voice import VoiceNetwork  # noqa: E402

SMALL = replace(CODEC, expansion=2, packet_hidden=12)
GROWN = replace(
    SMALL,
    encoder_frame_blocks=2,
    encoder_stem_hidden=8,
    encoder_expansion=4,
    encoder_packet_hidden=20,
    encoder_more_blocks=2,
    encoder_remainder_hidden=16,
    encoder_hears=True,
    decoder_expansion=3,
    decoder_packet_hidden=16,
)


def inputs() -> tuple[Tensor, ...]:
    """Energies, periodicity, and a link without faults."""
    random = torch.Generator().manual_seed(8)
    seen = [torch.rand(1, 64, size, generator=random) for size in (format.BANDS, features.LAGS)]
    return *seen, torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, 1)


def test_growing_at_every_place_changes_nothing_at_first():
    """Shaken weights of every part come through, all that is new can learn from the first step, and it grows again."""
    old, grown = shaken(Codec(SMALL)), Codec(GROWN)
    load_grown(grown, old.state_dict(), "old")
    before, after = old(*inputs(), rounded=False)[0], grown(*inputs(), rounded=False)[0]
    assert torch.allclose(before, after, atol=1e-5)
    after.square().sum().backward()
    for name in ("more.blocks.1.scale", "last_mixer.spread.weight", "remainder.spread.weight", "stem.narrow.weight"):
        assert float(grown.encoder.get_parameter(name).grad.abs().sum()) > 0, name
    wider = Codec(replace(GROWN, encoder_more_blocks=3, encoder_remainder_hidden=24, encoder_hears=False))
    load_grown(wider, shaken(grown).state_dict(), "grown")
    assert torch.allclose(grown(*inputs(), rounded=False)[0], wider(*inputs(), rounded=False)[0], atol=1e-5)


def test_what_does_not_fit_is_refused():
    """A narrower network, a missing part that is not optional, and a part that the network lacks: a line each."""
    grown = Codec(GROWN)
    for weights, network in (
        (grown.state_dict(), Codec(SMALL)),
        ({k: v for k, v in Codec(SMALL).state_dict().items() if k != "encoder.merge.weight"}, grown),
        (Codec(SMALL).state_dict() | {"encoder.other.weight": torch.zeros(1)}, grown),
    ):
        with pytest.raises(TrainingError, match=r"^old: its codec has other layers or widths than the recipe: leave"):
            load_grown(network, weights, "old: its codec")


@torch.no_grad()
def test_the_graph_of_a_grown_encoder_is_the_trained_one():
    """Packets equal those of the network bit by bit over several packets, with more blocks and the remainder."""
    encoder, packets = shaken(Encoder(GROWN)), 5
    sound = torch.from_numpy(vowel(140, packets * format.PACKET_S))[None]
    energies, periodicity = Analysis()(torch.cat([torch.zeros(1, format.DELAY_SAMPLES), sound], dim=1))
    expected, _ = encoder(folded(energies), folded(periodicity), encoder.tails(1))
    plain = Encoder(replace(GROWN, encoder_remainder_hidden=0)).eval()
    plain.load_state_dict({k: v for k, v in encoder.state_dict().items() if not k.startswith("remainder.")})
    without, _ = plain(folded(energies), folded(periodicity), plain.tails(1))
    assert torch.equal(expected[..., :8], without[..., :8])
    assert not torch.equal(quantise(expected[..., 8:]), quantise(without[..., 8:]))
    graph = EncoderGraph(encoder)
    state = torch.zeros(1, graph.state_size())
    for number, samples in enumerate(sound.reshape(packets, 1, -1)):
        packet, latents, state = graph(samples, state)
        assert torch.allclose(expected[:, number], latents, atol=2e-3)
        levels = expected[0, number]
        bits = torch.stack([levels >= 0, levels.abs() < 1], dim=-1).numpy()
        assert np.packbits(bits.reshape(-1)).tobytes() == packet.numpy().tobytes()


def test_what_the_encoder_hears_is_judged_by_the_truth_alone():
    """The loss falls to nothing but rounding for the true features, reaches the 100 Hz layers, and is not asked for
    by default."""
    codec = Codec(GROWN)
    *_, heard = codec.explained(*inputs())
    assert Codec(SMALL).explained(*inputs())[2] is None
    energies, f0, voiced = inputs()[0], torch.rand(1, 64), torch.ones(1, 64)
    weights = torch.ones(1, 64)

    def judged(guess: Tensor | None) -> dict[str, Tensor]:
        return HearingLoss(2.0)(FeatureComparison(energies, energies, weights, weights, heard, f0, voiced, guess))

    found = judged(heard)
    assert {"heard_energy", "heard_f0", "heard_voicing"} == set(found)
    torch.stack(list(found.values())).sum().backward()
    assert float(codec.encoder.stem.weight.grad.abs().sum()) > 0 and codec.encoder.merge.weight.grad is None
    exact = judged(torch.cat([f0[..., None], torch.full((1, 64, 1), 9.0), energies], dim=-1))
    assert all(float(part) < 1e-6 for part in exact.values())
    assert {} == judged(None)


def test_a_jump_of_the_pitch_costs_less_than_its_distance():
    """Small errors cost their distance, large ones ever less than it, with a slope that never ends."""
    off = torch.tensor([0.0, 0.002, -0.3], requires_grad=True)
    cost = pitch_distance(off)
    nothing, little, much = cost.tolist()
    assert 0.0 == nothing and little == pytest.approx(0.0025, abs=2e-4) and much < 0.15
    cost.sum().backward()
    assert float(off.grad[1]) > 1.0 and -0.5 < float(off.grad[2]) < -0.3


def test_a_grown_voice_is_narrowed_everywhere(prepared):
    """Widths of the encoder's or decoder's own become the one that is asked for."""
    smaller = prune(VoiceNetwork(GROWN, VocoderConfig(channels=16, blocks=1)), prepared, 1, 8)
    assert 24 == smaller.codec.encoder.more.blocks[0].widen.out_features
    mixers = smaller.codec.encoder.last_mixer, smaller.codec.decoder.mixer
    assert [8, 8] == [len(mixer.gather.bias) for mixer in mixers]


def test_full_precision_ends_with_its_block():
    """Whatever was allowed before is allowed after it, after an error too."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with pytest.raises(KeyError), full_precision():
            assert "highest" == torch.get_float32_matmul_precision()
            raise KeyError
        assert "medium" == torch.get_float32_matmul_precision()
    finally:
        torch.set_float32_matmul_precision(before)
