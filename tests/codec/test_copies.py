from __future__ import annotations

import numpy as np
import pytest

from codec import format, models
from codec.copies import CopyEncoder
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.errors import ModelError
from tests.support.signals import clip, encode_all, packets_of
from vocoder.synthesizer import Vocoder


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    return packets_of(encode_all(clip(), Encoder()))


def copies_of(packets: list[bytes]) -> list[bytes]:
    """The copy of each packet of a transmission."""
    maker = CopyEncoder(Decoder())
    return [maker.copy(packet) for packet in packets]


def heard(packets: list[bytes], lost: set[int], copies: list[bytes] | None = None) -> list[np.ndarray]:
    """The features of a transmission some of whose packets are lost, with their copies where there are any."""
    decoder = Decoder()
    return [
        decoder.decode(None, copies[number] if copies else None) if number in lost else decoder.decode(packet)
        for number, packet in enumerate(packets)
    ]


def error(made: list[np.ndarray], whole: list[np.ndarray], numbers: set[int]) -> float:
    """How far the energies of some packets are from those with nothing lost, in dB."""
    return float(np.mean([np.abs(100.0 * (made[n] - whole[n])[:, format.BANDS_SLICE]).mean() for n in numbers]))


def test_a_lost_packet_is_nearer_with_its_copy(packets):
    """Its bands are much nearer than the guess that stands in for it otherwise; what follows is as with the guess."""
    whole = heard(packets, set())
    lost = {number for number in range(2, len(packets) - 1) if number % 3 == 2}
    guessed, copied = heard(packets, lost), heard(packets, lost, copies_of(packets))
    assert error(copied, whole, lost) < 0.6 * error(guessed, whole, lost)
    for number in set(range(len(packets))) - lost:
        assert np.array_equal(guessed[number], copied[number])


def test_a_rebuilt_packet_is_as_loud_as_the_packet(packets):
    """Within 6 dB in the mean over the loud ones; without the contrast of the graph they would be 8 dB quieter."""

    def power_db(table: np.ndarray) -> float:
        return float(10 * np.log10(np.mean(np.sum(10.0 ** (10.0 * table[:, format.BANDS_SLICE]), axis=1))))

    whole, copies = heard(packets, set()), copies_of(packets)
    loudest = max(map(power_db, whole))
    numbers = [n for n in range(1, len(packets)) if power_db(whole[n]) > loudest - 10]
    changes = [power_db(heard(packets[: n + 1], {n}, copies)[n]) - power_db(whole[n]) for n in numbers]
    assert len(changes) > 5 and abs(np.mean(changes)) < 6.0


def test_a_copy_is_eight_bytes_and_the_same_each_time(packets):
    """Made of the packets alone, so that whoever has them can make it; a transmission begins anew after reset."""
    maker = CopyEncoder(Decoder())
    once = [maker.copy(packet) for packet in packets[:4]]
    assert {format.COPY_BYTES} == {len(copy) for copy in once}
    assert once != [maker.copy(packet) for packet in packets[:4]]  # its decoder goes on
    maker.reset()
    assert once == [maker.copy(packet) for packet in packets[:4]] == copies_of(packets[:4])


def test_any_copy_decodes_to_sound(packets):
    """No 8 bytes, after whatever came before, lead to NaN, a feature outside 0..1 or a sample outside [-1, 1]."""
    random, decoder, vocoder = np.random.default_rng(5), Decoder(), Vocoder()
    for number in range(2000):
        if number % 5 == 4:
            decoder.decode(random.bytes(format.PACKET_BYTES))
        table = decoder.decode(None, random.bytes(format.COPY_BYTES))
        assert table.min() >= 0.0 and table.max() <= 1.0  # false for NaN, too
        if number % 4 == 0:
            sound = vocoder.synthesize(table)
            assert sound.min() >= -1.0 and sound.max() <= 1.0


def test_a_copy_of_another_length_is_refused():
    """As a packet of another length is."""
    with pytest.raises(ValueError, match="a copy is 8 bytes, not 7"):
        Decoder().decode(None, bytes(7))


def test_a_sender_is_told_of_copies_of_another_codec(monkeypatch):
    """In a line: its listeners would hear another voice."""
    monkeypatch.setattr(Decoder, "codec_id", 1)
    with pytest.raises(ModelError, match=r"the coarse copies are those of codec .*, and this is codec 1: "):
        CopyEncoder(Decoder())


@pytest.mark.parametrize("content", [None, b"no model", "codec_decoder"])
def test_a_listener_without_copies_hears_the_guess(packets, tmp_path, content):
    """Whatever is wrong with the graph: what anybody sends ends no listener."""
    path = tmp_path / "copies.onnx"
    if content is not None:
        path.write_bytes(models.model_path(content).read_bytes() if isinstance(content, str) else content)
    one, two = Decoder(copies=path), Decoder()
    for decoder in (one, two):
        decoder.decode(packets[0])
    assert np.array_equal(one.decode(None, bytes(format.COPY_BYTES)), two.decode(None))


def test_a_copy_behind_a_packet_that_came_changes_nothing(packets):
    """The packet itself is better."""
    copies = copies_of(packets[:3])
    one, two = Decoder(), Decoder()
    for packet, copy in zip(packets[:3], copies, strict=True):
        assert np.array_equal(one.decode(packet), two.decode(packet, copy))


def test_graphs_of_copies_are_small():
    """Both together take less than a megabyte and a half, in either set of models."""
    sizes = [models.model_path(kind, "small").stat().st_size for kind in models.STATELESS]
    assert sum(sizes) < 1_500_000
