"""The training pipeline on a tiny corpus made by a speech synthesiser. Needs the extra `train`: make test-train."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-setup")

from codec import features, format  # noqa: E402
from codec.models import DECODER, ENCODER, VOCODER, load_model  # noqa: E402
from codec.training.data import corpus  # noqa: E402
from codec.training.data.batches import Augmentation, Drawing, Speech, validation_batch  # noqa: E402
from codec.training.loop.trainer import Schedule, TrainingError, rate_at, read_config  # noqa: E402
from codec.training.losses import envelope_correlation, frame_weights  # noqa: E402
from codec.training.model.network import Analysis, Codec, CodecConfig, Decoder, Encoder, flip_bits, quantise  # noqa: E402
from codec.training.stage_a import CodecTraining, load_grown  # noqa: E402
from tests.support.signals import f0_by_autocorrelation, vowel  # noqa: E402
from vocoder import pulse_source as source  # noqa: E402
from vocoder.classic import ClassicSynthesizer  # noqa: E402
from vocoder.training.losses.pesq import Loudness  # noqa: E402
from vocoder.training.model.harmonic import Vocoder, VocoderConfig, pulse_train  # noqa: E402

SENTENCES = ["the quick brown fox", "jumps over the lazy dog", "pack my box with five dozen jugs"]
SMALL = """
{codec}
frame_channels = 16
latent_channels = 24
encoder_frame_blocks = 1
encoder_latent_blocks = 1
decoder_latent_blocks = 1
decoder_frame_blocks = 1
{vocoder}
[schedule]
steps = {steps}
batch = 2
packets = 2
warm_steps = 2
validate_every = 3
validation_segments = 6
seed = 4
"""


def spoken(text: str, voice: str, path: Path) -> None:
    """One sentence into a WAV file."""
    subprocess.run(["espeak-ng", "-v", voice, "-w", path, text], check=True)


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed corpus: a training speaker and a validation speaker."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is missing: apt-get install espeak-ng")
    folder = tmp_path_factory.mktemp("corpus")
    held_out = sorted(speaker for name, speaker in corpus.validation_speakers() if name == "librispeech")[0]
    rows = []
    with tarfile.open(folder / "librispeech.tar", "w") as tar:
        for speaker, voice in (("somebody", "en-us"), (held_out, "en-gb")):
            for number, text in enumerate(SENTENCES):
                spoken(text, voice, folder / "now.wav")
                samples, rate = soundfile.read(folder / "now.wav")
                content = io.BytesIO()
                soundfile.write(content, samples, rate, format="FLAC")
                name = f"librispeech/{speaker}/{number}.opus"
                info = tarfile.TarInfo(name)
                info.size = len(content.getvalue())
                tar.addfile(info, io.BytesIO(content.getvalue()))
                rows.append({"path": name, "source": "librispeech", "speaker": speaker, "sex": "m", "language": "en"})
                rows[-1]["text"] = text
    (folder / "now.wav").unlink()
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def prepared(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed corpus as NumPy binaries."""
    folder = tmp_path_factory.mktemp("prepared")
    assert 6 == corpus.prepare([packed], folder, workers=1)
    return folder


def stage(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a stage as a user does."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_preparing_keeps_speakers_apart(prepared):
    """Speakers of the recorded split are for validation, the others for training."""
    train, validation = Speech(prepared, "train"), Speech(prepared, "validation")
    assert {"somebody"} == {row["speaker"] for row in train.rows}
    assert 3 == len(validation.rows)
    assert not {row["speaker"] for row in train.rows} & {row["speaker"] for row in validation.rows}
    frames = sum(int(row["samples"]) for row in train.rows + validation.rows) // format.HOP_SAMPLES
    assert (frames,) == train.f0.shape
    assert (frames, format.BANDS) == np.load(prepared / "bands.npy").shape


def test_a_libritts_tree_is_read_as_published(tmp_path):
    """SUBSET/SPEAKER/CHAPTER/NAME.wav, with SPEAKERS.txt and texts; dev and test are for validation."""
    for subset, speaker in (("train-clean-100", "19"), ("dev-clean", "84")):
        chapter = tmp_path / subset / speaker / "198"
        chapter.mkdir(parents=True)
        name = f"{speaker}_198_000000_000000"
        soundfile.write(chapter / f"{name}.wav", vowel(120, 1.0), 24000)
        (chapter / f"{name}.normalized.txt").write_text("Some words.\n")
    (tmp_path / "speakers.tsv").write_text("READER\tGENDER\tSUBSET\tNAME\n19\tF\ttrain-clean-100\tA\n84\tM\tdev\tB\n")
    one, two = sorted(corpus.utterances(tmp_path), key=lambda utterance: utterance.source)
    assert ("dev-clean", "84", "m", "Some words.") == (one.source, one.speaker, one.sex, one.text)
    assert [True, False] == [corpus.is_validation(each.source, each.speaker) for each in (one, two)]
    assert 8000 // 3 == pytest.approx(len(two.samples), abs=2)


def test_a_librispeech_tree_is_read_as_published(tmp_path):
    """SUBSET/SPEAKER/CHAPTER/NAME.flac at 16 kHz, with SPEAKERS.TXT's table and CHAPTER.trans.txt."""
    chapter = tmp_path / "train-clean-100" / "103" / "1240"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "103-1240-0000.flac", vowel(120, 1.0), 16000)
    (chapter / "103-1240.trans.txt").write_text("103-1240-0000 CHAPTER ONE\n103-1240-0001 NO FILE\n")
    (tmp_path / "SPEAKERS.txt").write_text("; ID |SEX| SUBSET\n103 | F | train-clean-100 | 25.1 | Karen\n")
    (found,) = corpus.utterances(tmp_path)
    assert ("103", "f", "CHAPTER ONE", 4000) == (found.speaker, found.sex, found.text, len(found.samples))


def test_a_folder_without_speech_is_refused(tmp_path):
    """The message says what a corpus is; exit code 2."""
    result = stage("codec.training", "prepare", tmp_path, "--data", tmp_path / "out")
    assert 2 == result.returncode
    assert "no corpus here" in result.stderr and "Traceback" not in result.stderr


def test_pitch_targets_are_those_of_the_sound():
    """A buzz of 150 Hz has 150 Hz, silence none, at one value every 80 samples."""
    sound = (np.concatenate([vowel(150, 1.0), np.zeros(8000)]) * 32767).astype(np.int16)
    f0 = corpus.pitch_targets(sound)
    assert len(sound) // 80 == len(f0)
    assert np.allclose(150, f0[10:90], rtol=0.01)
    assert not f0[115:].any()


def test_a_faster_segment_has_a_higher_pitch(prepared):
    """Speed changes sound and pitch target together."""
    speech = Speech(prepared, "train")
    speech.audio = np.tile((vowel(150, 10.0) * 32767).astype(np.int16), 4)
    speech.f0 = np.full(len(speech.audio) // 80, 150.0, np.float32)
    speech.rows = [row | {"start": "0", "samples": "80000"} for row in speech.rows]
    sound, f0 = speech.draw(np.random.default_rng(1), 0, 7680, 1.1)
    assert len(sound) == 240 + 7680
    assert np.allclose(165, f0, rtol=1e-5)
    assert f0_by_autocorrelation(sound) == pytest.approx(165, rel=0.01)


def test_batches_depend_on_seed_and_number_alone(prepared):
    """A resumed run sees the batches that it would have seen."""
    speech = Speech(prepared, "train")
    one = Drawing(speech, 3, 2, Augmentation(), seed=1)
    assert np.array_equal(one(5).noisy, next(one.stream(5)).noisy)
    assert not np.array_equal(one(5).noisy, one(6).noisy)
    assert (3, 240 + 5120) == one(0).clean.shape


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
    load_grown(grown, old.state_dict(), "old")
    inputs = torch.rand(1, 64, format.BANDS), torch.rand(1, 64, features.LAGS), torch.zeros(1, 2, 1, 1)
    before, after = (codec(*inputs, torch.zeros(1, 1, 1, 1))[0] for codec in (old, grown))
    assert torch.allclose(before, after, atol=1e-6)
    after.square().sum().backward()
    gradients = {name: weights.grad for name, weights in grown.encoder.named_parameters()}
    assert all(float(gradients[name].abs().sum()) > 0 for name in ("frames.blocks.4.scale", "stem.narrow.weight"))
    with pytest.raises(TrainingError, match="its codec has other widths"):
        load_grown(Codec(replace(small, latent_channels=32)), old.state_dict(), "old")


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


def test_the_envelope_loss_is_0_for_the_same_and_near_1_for_another():
    """It measures correlation of envelopes, not level."""
    random = torch.Generator().manual_seed(1)
    one, two = (torch.rand(2, 128, format.BANDS, generator=random) for _ in range(2))
    assert float(envelope_correlation(one, one)) == pytest.approx(0.0, abs=1e-4)
    assert float(envelope_correlation(one, one - 0.1)) == pytest.approx(0.0, abs=1e-2)
    assert float(envelope_correlation(one, two)) > 0.8
    assert float(frame_weights(one).min()) >= 0.1


def test_perceived_loudness_forgives_what_pesq_forgives():
    """Nothing is lost by the same sound or by another volume, more by more noise; a frame that does not count costs
    nothing."""
    loudness, everything = Loudness(), torch.ones(1, 300)
    true = torch.from_numpy(vowel(130, 3.0))[None]
    hiss = 0.3 * true.std() * torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    assert loudness(true, true, everything) < 0.01
    assert loudness(true, 0.5 * true, everything) < 0.05
    little, much = (loudness(true, true + times * hiss, everything) for times in (0.3, 1.0))
    assert 0.05 < little < much < 4.5
    half = torch.cat([torch.ones(1, 150), torch.zeros(1, 150)], dim=1)
    broken = torch.cat([true[:, :12400], torch.flip(true[:, 12400:], (1,)) + hiss[:, 12400:]], dim=1)
    assert loudness(true, broken, half) < 0.3 * loudness(true, broken, everything)


def test_the_pulse_train_is_that_of_the_plain_synthesiser():
    """Two implementations of one formula: float32 with a phase per frame, float64 with a running sum."""
    f0 = 100 + 60 * np.sin(np.arange(320) / 20)
    torch_train, _ = pulse_train(torch.from_numpy(f0)[None].float(), torch.zeros(1, 1), torch.zeros(1, 1))
    plain = ClassicSynthesizer()._pulse_train(f0.astype(np.float32))
    assert np.corrcoef(torch_train[0].numpy(), plain)[0, 1] > 0.999
    assert float(torch_train.var()) == pytest.approx(0.95, abs=0.05)  # 3800 of 4000 Hz at density 1


def test_an_untrained_vocoder_is_a_channel_vocoder():
    """Before anything is learned, level and pitch are those of the features."""
    voice = Vocoder(VocoderConfig(channels=16, blocks=1)).eval()
    sound = vowel(120, 1.28)
    energies = features.band_energies(features.power_spectrum(features.frames_of(sound)))
    table = torch.from_numpy(features.assemble(np.full(len(energies), 120.0, np.float32), energies))[None]
    with torch.no_grad():
        made = voice(table, torch.randn(1, 240 + len(sound)))[0].numpy()
    assert f0_by_autocorrelation(made[2000:]) == pytest.approx(120, rel=0.02)
    assert 10 * np.log10(made[2000:].var() / sound[2000:].var()) == pytest.approx(0, abs=5)
    assert source.BINS == 161


def test_the_learning_rate_rises_and_decays():
    """Warm-up, then a cosine down to the final share."""
    schedule = Schedule(steps=1000, rate=1e-3, final=0.05, warm_steps=100)
    assert 1e-5 == pytest.approx(rate_at(0, schedule))
    assert 1e-3 == pytest.approx(rate_at(100, schedule))
    assert 5e-5 == pytest.approx(rate_at(1000, schedule))


def test_an_unknown_setting_is_refused(tmp_path):
    """A misspelt name in a configuration file is an error, not ignored."""
    (tmp_path / "config.toml").write_text("[schedule]\nstepz = 3\n")
    with pytest.raises(TrainingError, match="no setting 'stepz'"):
        read_config(tmp_path / "config.toml", CodecTraining)


def test_a_configuration_may_be_like_another(tmp_path):
    """What it sets overrules the other file, value by value in the tables too; the rest is that file's."""
    base = "phone_share = 1.5\n[schedule]\nsteps = 3\nbatch = 5\n[network]\nexpansion = 2\n"
    (tmp_path / "base.toml").write_text(base)
    differences = 'like = "base.toml"\n[schedule]\nsteps = 7\n[schedule.augmentation]\nnoise = 0.1\n'
    (tmp_path / "config.toml").write_text(differences)
    read = read_config(tmp_path / "config.toml", CodecTraining)
    assert (1.5, 2, 7, 5) == (read.phone_share, read.network.expansion, read.schedule.steps, read.schedule.batch)
    assert 0.1 == read.schedule.augmentation.noise


def test_all_stages_from_corpus_to_graphs(prepared, tmp_path):
    """Codec, vocoder, both jointly, export: one command each; the exported graphs equal the trained networks."""
    (tmp_path / "a.toml").write_text(SMALL.format(codec="[network]", vocoder="", steps=6))
    voice = "[vocoder]\nchannels = 16\nblocks = 1\n"
    (tmp_path / "b.toml").write_text(SMALL.format(codec="[codec]", vocoder=voice, steps=3))
    (tmp_path / "c.toml").write_text("train_codec = true\n" + SMALL.format(codec="[codec]", vocoder=voice, steps=3))
    runs = {name: tmp_path / f"run-{name}" for name in "abc"}
    for name, module, command, start in (
        ("a", "codec.training", "train", []),
        ("b", "vocoder.training", "train", ["--from", runs["a"] / "checkpoint.safetensors"]),
        ("c", "vocoder.training", "joint", ["--from", runs["b"] / "checkpoint.safetensors"]),
    ):
        config = tmp_path / f"{name}.toml"
        result = stage(module, command, "--data", prepared, "--run", runs[name], "--config", config, *start)
        assert 0 == result.returncode, result.stderr
        assert (runs[name] / "log.png").exists() and (runs[name] / "log.csv").read_text().count("\n") >= 2
    assert list((runs["c"] / "samples").glob("*-made.wav")) and list((runs["c"] / "samples").glob("*.png"))
    out = tmp_path / "graphs"
    result = stage(
        "vocoder.training",
        "export",
        "--from",
        runs["c"] / "checkpoint.safetensors",
        "--out",
        out,
        "--config",
        tmp_path / "c.toml",
        "--fixture",
        tmp_path / "reference.npz",
    )
    assert 0 == result.returncode, result.stderr
    for kind in (ENCODER, DECODER, VOCODER):
        assert load_model(kind, out / f"{kind}.onnx").state.shape[0] == 1
    assert {"samples", "packets", "features", "sound"} == set(np.load(tmp_path / "reference.npz"))
    again = stage(
        "vocoder.training",
        "export",
        "--from",
        out / "voice.safetensors",
        "--out",
        tmp_path / "again",
        "--config",
        tmp_path / "c.toml",
    )
    assert 0 == again.returncode, again.stderr
    identities = {load_model(ENCODER, folder / f"{ENCODER}.onnx").codec_id for folder in (out, tmp_path / "again")}
    assert 1 == len(identities)


def test_a_run_resumes_where_it_stopped(prepared, tmp_path):
    """Three steps and three more give the weights of six at once."""
    from safetensors.torch import load_file

    still = "\n[schedule.augmentation]\nspeed = 0.0\n"
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    text = SMALL.format(codec="[network]", vocoder="", steps=6).replace("seed = 4", "seed = 4\nflips = 0.0") + still
    (tmp_path / "a.toml").write_text(text)
    # The learning rate depends on the number of steps, so the first half is cut off, not shorter.
    short = (
        "import sys, pathlib; from codec.training import stage_a as t\n"
        "from codec.training.loop.trainer import Run, read_config\n"
        "log = Run.log\n"
        "def stop(self, metrics):\n    self.save(); raise KeyboardInterrupt\n"
        "Run.log = stop\n"
        f"t.train(read_config(pathlib.Path({str(tmp_path / 'a.toml')!r}), t.CodecTraining), "
        f"pathlib.Path({str(prepared)!r}), pathlib.Path({str(halved)!r}))"
    )
    assert 0 != subprocess.run([sys.executable, "-c", short], capture_output=True, check=False).returncode
    for folder in (whole, halved):
        result = stage("codec.training", "train", "--data", prepared, "--run", folder, "--config", tmp_path / "a.toml")
        assert 0 == result.returncode, result.stderr
    one, two = load_file(whole / "checkpoint.safetensors"), load_file(halved / "checkpoint.safetensors")
    assert one.keys() == two.keys()
    for name in one:
        assert torch.allclose(one[name].float(), two[name].float(), atol=2e-5), name


def test_a_missing_checkpoint_is_named(prepared, tmp_path):
    """One line, exit code 2."""
    result = stage("vocoder.training", "train", "--data", prepared, "--run", tmp_path, "--from", tmp_path / "no")
    assert 2 == result.returncode
    assert "no such checkpoint" in result.stderr and "Traceback" not in result.stderr


def test_validation_segments_are_always_the_same(prepared):
    """Runs can be compared."""
    speech = Speech(prepared, "validation")
    assert np.array_equal(validation_batch(speech, 4, 2).clean, validation_batch(speech, 4, 2).clean)
