"""The trial of a speaker profile, on the tiny corpus. Needs the extra `train`: make test-train."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import format  # noqa: E402
from codec.training.data.batches import PreparedCorpus  # noqa: E402
from codec.training.loop.checkpoint import save_half  # noqa: E402
from codec.training.loop.config import Schedule  # noqa: E402
from tests.support.networks import CODEC, shaken  # noqa: E402
from tests.support.training import RECIPE, stage  # noqa: E402
from vocoder.training.model.config import VocoderConfig  # noqa: E402
from vocoder.training.trials.speaker_profile import (  # noqa: E402
    ProfiledVoice,
    ToldBatch,
    ToldSampler,
    other_recordings,
)
from vocoder.training.voice import VoiceNetwork, VoiceTraining  # noqa: E402

VOCODER = VocoderConfig(channels=16, blocks=1)
CONFIG = VoiceTraining(codec=CODEC, vocoder=VOCODER, schedule=Schedule(batch_size=3, packets=2))


@torch.no_grad()
def test_a_profile_is_one_packet_and_the_unknown_speaker_none():
    """64 values of 16 levels; who is not told sounds as without profiles, who is told does not."""
    torch.manual_seed(4)
    voice = shaken(ProfiledVoice(CONFIG))
    heard, table = torch.rand(2, 64, format.BANDS), torch.rand(2, 32, format.FEATURES)
    levels = voice.profile(heard) * 8 + 7.5
    assert (2, 64) == levels.shape
    assert torch.equal(levels, levels.round()) and 0 <= levels.min() and levels.max() <= 15
    noise = torch.randn(2, format.DELAY_SAMPLES + format.PACKET_SAMPLES)
    plain = voice.vocoder(table, noise)
    with voice.told(heard, torch.tensor([[1.0], [0.0]])):
        told = voice.vocoder(table, noise)
    assert torch.allclose(plain[1], told[1], atol=1e-6) and not torch.allclose(plain[0], told[0], atol=1e-3)
    assert torch.equal(plain, voice.vocoder(table, noise))


def test_a_profile_is_of_another_recording_of_the_same_speaker(prepared):
    """Never of the one rebuilt; batches depend on seed and number alone."""
    speech = PreparedCorpus(prepared, "train")
    speech.sources, speech.speakers = ["librispeech", "ms_snsd"], {"librispeech": [[0, 1, 2], [3]], "ms_snsd": [[4, 5]]}
    assert {0: [1, 2], 1: [0, 2], 2: [0, 1], 3: []} == other_recordings(speech)
    sampler = ToldSampler(PreparedCorpus(prepared, "train"), CONFIG)
    one, again = sampler(7), next(sampler.stream(7))
    assert isinstance(again, ToldBatch)
    assert np.array_equal(one.other, again.other) and np.array_equal(one.noisy, again.noisy)
    assert [[1.0]] * 3 == one.has_other.tolist()


def test_the_trial_compares_told_with_unknown(prepared, tmp_path):
    """One command; its log has both. Profiles for the other vocoder are refused in one line."""
    voice = tmp_path / "voice.safetensors"
    save_half(shaken(VoiceNetwork(CODEC, VOCODER)), voice)
    settings = RECIPE.format(vocoder="[vocoder]\nchannels = 16\nblocks = 1\n", steps=3)
    config = tmp_path / "profile.toml"
    config.write_text("train_codec = true\n" + settings)
    places = ("--data", prepared, "--run", tmp_path / "run", "--from", voice, "--config", config)
    result = stage("vocoder.training", "profile", *places)
    assert 0 == result.returncode, result.stderr
    log = (tmp_path / "run" / "log.csv").read_text()
    assert "told_estoi" in log and "unknown_estoi" in log
    config.write_text(config.read_text().replace("[vocoder]", '[vocoder]\nkind = "hifigan"'))
    result = stage("vocoder.training", "profile", *places)
    assert 2 == result.returncode and 1 == result.stderr.count("\n")
    assert "profiles are tried with the harmonic one" in result.stderr
