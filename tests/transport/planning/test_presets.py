"""Links to try a voice on."""

from __future__ import annotations

import pytest

from transport.errors import UsageError
from transport.impairment import ImpairedPath
from transport.planning.presets import PRESETS, as_bits, preset_named
from transport.radio.airtime import Stage
from transport.radio.radios import RADIOS


@pytest.mark.parametrize("radio", ["afsk1200", "lora-sf7", "lora-sf9", "hc-12-far", "satellite-2400"])
@pytest.mark.parametrize("frame_bytes", [40, 72, 136, 200, 240])
def test_a_radio_takes_as_long_as_its_stage(radio: str, frame_bytes: int) -> None:
    """Rate and overhead together are the airtime, to what LoRa's symbols and whole bytes leave (7 %)."""
    stage: Stage = RADIOS[radio].air
    rate_bps, overhead_bytes = as_bits(stage)
    assert stage.time_s(frame_bytes) == pytest.approx(8 * (frame_bytes + overhead_bytes) / rate_bps, rel=0.07)


@pytest.mark.parametrize("name", PRESETS)
def test_speech_at_800_bits_passes_everywhere(name: str) -> None:
    """Every preset carries Gossamer's own frames, of its k packets with header and checks, faster than they come."""
    preset = preset_named(name)
    path = ImpairedPath(preset.impairment, preset.overhead_bytes)
    assert path.airtime_s(32 * preset.k + 8) < 0.32 * preset.k


def test_your_own_is_another_impairment() -> None:
    """What is changed is changed, the rest stays; a wrong figure is refused."""
    own = PRESETS["afsk1200"].other(loss=0.3, rate_bps=None)
    assert (0.3, None) == (own.impairment.loss, own.impairment.rate_bps)
    assert PRESETS["afsk1200"].overhead_bytes == own.overhead_bytes
    with pytest.raises(UsageError, match="loss"):
        PRESETS["wifi"].other(loss=1.5)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    """The cure stands in the line."""
    with pytest.raises(UsageError, match="afsk1200, lora-sf7"):
        preset_named("carrier-pigeon")
