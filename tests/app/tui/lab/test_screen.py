"""The link lab's screen driven by key presses: real codecs, real lanes, in real time (devices made of numbers)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest
import trio
from textual.pilot import Pilot

from app.audio.devices import (
    Block,
    DeviceReport,
    Loudspeaker,
    MayInterrupt,
    Microphone,
    NoLoudspeaker,
    NoMicrophone,
    always,
)
from app.clips import speech_of
from app.codecs import codec2
from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.codecs.reference import Encode
from app.codecs.registry import link_codecs
from app.events import DeviceProblem
from app.lab.state import LabStart, LabState, LaneSnapshot
from app.simulation.bench import Scene
from app.tui.dialogs.own_link import OwnLinkScreen
from app.tui.lab.app import LabApp
from app.tui.lab.screen import LabScreen
from tests.support.tui_station import ToneMicrophone
from transport.planning.presets import PRESETS

WAIT_S = 60.0
"""Generous: other work may have the machine."""
GOSSAMER, PCM = 0, 4

Script = Callable[["Stage"], Awaitable[None]]


class Listening(NoLoudspeaker):
    """Plays nothing, at the pace of time, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []

    def play(self, samples: Block) -> None:
        super().play(samples)
        self.blocks.append(samples)

    def loudest(self) -> float:
        """Of what came since the last look."""
        heard, self.blocks = np.concatenate([*self.blocks, np.zeros(1, np.float32)]), []
        return float(np.abs(heard).max())


class Stage:
    """A running lab, and what can be read on it."""

    def __init__(self, app: LabApp, loudspeaker: Listening) -> None:
        self.app, self.loudspeaker = app, loudspeaker
        self.pilot: Pilot[int]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until it is so; fails with the screen as it is."""
        deadline_s = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < deadline_s, self.text()
            await self.pilot.pause(0.02)

    def text(self) -> str:
        """The rows of the screen."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def says(self, words: str) -> None:
        await self.until(lambda: words in " ".join(self.text().split()))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    def lane(self, number: int) -> LaneSnapshot:
        """As on the screen; from 0."""
        picture = self.app.lab_screen.picture
        assert picture is not None
        return picture.lanes[number]

    def shown(self) -> bool:
        picture = self.app.lab_screen.picture
        return picture is not None and bool(picture.lanes)


def play(
    scene: Script,
    /,
    size: tuple[int, int] = (80, 24),
    microphone: Callable[[], Microphone] = NoMicrophone,
    loudspeaker: Callable[[], Listening] = Listening,
    lab: LabState | None = None,
    **start: object,
) -> LabApp:
    """Open the lab, wait for its lanes, play the scene, leave as `q` does."""

    async def run() -> LabApp:
        ears = loudspeaker()
        sound: tuple[Microphone, Loudspeaker] = (microphone(), ears)
        begin = replace(LabStart(speech_of(None), PRESETS["satellite"]), **start)  # type: ignore[arg-type]
        app = LabApp(begin, lambda: sound, lab)
        stage = Stage(app, ears)
        async with app.run_test(size=size) as stage.pilot:
            await stage.until(lambda: stage.shown() or start.get("scene") is Scene.CONVERSATIONS)
            await scene(stage)
            if isinstance(app.screen, LabScreen):
                await stage.press("q")
            await stage.until(lambda: not app.is_running)
        return app

    app = asyncio.run(run())
    assert app.failure is None
    return app


@pytest.fixture
def peers() -> None:
    for codec in link_codecs():
        if reason := codec.missing():
            pytest.skip(str(reason))


@pytest.mark.codec2
@pytest.mark.usefixtures("peers")
def test_a_thinner_link_chokes_pcm_and_lets_ours_through() -> None:
    """Lossy Wi-Fi carries PCM; one key later, on 1200 baud, its queue is full and its waveform still, while Gossamer
    is heard; what is heard follows the key of the lane."""

    async def scene(stage: Stage) -> None:
        await stage.says("lossy Wi-Fi")
        await stage.until(lambda: any(level.arrived for level in stage.lane(PCM).levels))
        await stage.press("5")
        await stage.until(lambda: stage.loudspeaker.loudest() > 0.05)
        await stage.press("right", "right")  # past "your own", back to the first
        await stage.says("AFSK 1200")
        await stage.says("♪5 PCM")
        await stage.until(
            lambda: (
                stage.lane(GOSSAMER).reading is not None
                and sum(level.arrived for level in stage.lane(GOSSAMER).levels) > 10
            )
        )
        ours, pcm = stage.lane(GOSSAMER).reading, stage.lane(PCM).reading
        assert ours is not None and pcm is not None
        assert ours.lost < 0.5 and ours.queue_s < 2
        assert pcm.lost > 0.9 and pcm.queue_s > 5 and pcm.got_bps < 0.02 * pcm.asked_bps
        assert sum(level.arrived for level in stage.lane(PCM).levels) < 5
        await stage.says("choked")
        stage.loudspeaker.loudest()
        await stage.pilot.pause(0.5)
        assert stage.loudspeaker.loudest() == 0.0
        await stage.press("1")
        await stage.says("♪1 Gossamer")
        await stage.until(lambda: stage.loudspeaker.loudest() > 0.05)
        await stage.press("m")
        await stage.says("muted")
        stage.loudspeaker.loudest()
        await stage.pilot.pause(0.3)
        assert stage.loudspeaker.loudest() == 0.0

    play(scene, preset=PRESETS["wifi"])


@pytest.mark.codec2
@pytest.mark.usefixtures("peers")
def test_the_slider_takes_the_signal_away() -> None:
    """At full strength all six lanes are heard, PCM too; ten dB are enough for ours and nothing for PCM."""

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: len(stage.app.lab_screen.picture.lanes) == 6)  # type: ignore[union-attr]
        await stage.says("36 dB in 2.5 kHz")
        await stage.until(lambda: all(any(level.arrived for level in stage.lane(number).levels) for number in range(6)))
        assert 0.0 == stage.lane(1).ber
        await stage.press(*["left"] * 26)
        await stage.says("10 dB in 2.5 kHz")
        await stage.until(lambda: (stage.lane(5).ber or 0.0) > 0.4)
        await stage.until(lambda: not any(level.arrived for level in stage.lane(5).levels[-8:]))
        assert (stage.lane(0).ber or 0.0) < 1e-3
        assert stage.lane(0).ber == stage.lane(1).ber
        await stage.press("6")
        await stage.says("♪6 PCM")

    play(scene, scene=Scene.SIGNAL, snr_db=36.0)


@pytest.mark.codec2
@pytest.mark.usefixtures("peers")
def test_conversations_are_counted_for_every_codec() -> None:
    """HC-12's 5000 bit/s carry four of ours at once, of PCM not one; another link is counted anew."""

    async def scene(stage: Stage) -> None:
        await stage.says("Gossamer 800 4 at once")
        await stage.says("PCM 0 at once")
        assert "with 5, a frame waits up to" in stage.text()
        await stage.press("left")
        await stage.says("LoRa SF9")
        await stage.says("PCM 0 at once")
        assert "Gossamer 800   1 at once" in stage.text()
        await stage.press("tab")
        await stage.until(stage.shown)

    play(scene, scene=Scene.CONVERSATIONS, preset=PRESETS["hc-12"])


def test_a_link_of_ones_own_is_typed_and_stepped() -> None:
    """Figures from the card are the link's at once; a wrong one is said, and changes nothing."""

    async def scene(stage: Stage) -> None:
        lab = stage.app.session.lab
        await stage.press("o")
        await stage.until(lambda: isinstance(stage.app.screen, OwnLinkScreen))
        await stage.press(*["backspace"] * 4, *"900", "enter")
        await stage.until(lambda: lab.preset.impairment.rate_bps == 900)
        await stage.press("up")
        assert 1000 == lab.preset.impairment.rate_bps
        await stage.press("tab", "down", "up", "up", "tab", *["backspace"] * 4, *"70", "enter")
        assert 0.05 == lab.preset.impairment.loss
        await stage.says("between 0 and 0.5")
        assert 0.0 == lab.preset.impairment.ber
        await stage.press("tab", *["backspace"] * 4, *"x", "enter")
        await stage.says("delay: 'x' is no number")
        await stage.press("escape")
        await stage.says("← your own → 1000 bit/s, 5 % lost")
        await stage.press("right", "left")
        await stage.says("← your own → 1000 bit/s, 5 % lost")

    play(scene, lab=LabState(LabStart(speech_of(None), PRESETS["satellite"]), lambda: [Gossamer()]))


class DeafLoudspeaker(Listening):
    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        report(DeviceProblem("loudspeaker", "no loudspeaker found", "plug one in"))
        await trio.sleep_forever()


class HeadsetLoudspeaker(Listening):
    async def run(self, report: DeviceReport, may_interrupt: MayInterrupt = always) -> None:
        report(DeviceProblem("loudspeaker", "Headset with microphone does not open", "plug it in again"))
        await trio.sleep_forever()


class BrokenMicrophone(NoMicrophone):
    async def run(
        self, deliver: Callable[[Block], None], report: DeviceReport, may_interrupt: MayInterrupt = always
    ) -> None:
        report(DeviceProblem("microphone", "no microphone found", "plug one in"))
        await trio.sleep_forever()


def test_it_goes_on_without_devices_and_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is said with its cure: the loudspeaker, the microphone (then the clip speaks), Codec2."""
    monkeypatch.setattr(codec2, "_library", lambda: None)

    async def scene(stage: Stage) -> None:
        await stage.says("no loudspeaker found: plug one in")
        await stage.says("2 Codec2 700C")
        assert "apt-get install codec2" in stage.text()
        assert stage.lane(1).reading is None and stage.lane(GOSSAMER).reading is not None
        await stage.press("i")
        await stage.says("no microphone found: plug one in")
        await stage.says("the clip speaks instead")
        await stage.until(lambda: max(stage.app.lab_screen.picture.said[-3:]) > 0.01)  # type: ignore[union-attr]
        await stage.press("i")
        await stage.until(lambda: "microphone" not in stage.text())
        await stage.press("question_mark")
        await stage.says("which lane is heard")
        await stage.press("escape")

    play(scene, microphone=BrokenMicrophone, loudspeaker=DeafLoudspeaker)


def test_a_loudspeaker_called_after_a_microphone_is_none() -> None:
    """It is the event that says which device has a problem, not the words about it: the microphone goes on."""

    async def scene(stage: Stage) -> None:
        await stage.says("Headset with microphone does not open")
        assert "use headphones" in stage.text() and "the clip speaks instead" not in stage.text()

    play(scene, live=True, loudspeaker=HeadsetLoudspeaker)


def test_the_microphone_speaks() -> None:
    """Its hum goes in, steadily, where the clip had pauses."""

    async def scene(stage: Stage) -> None:
        await stage.says("use headphones")
        await stage.until(lambda: sum(rms > 0.1 for rms in stage.app.lab_screen.picture.said) > 8)  # type: ignore[union-attr]

    play(scene, microphone=ToneMicrophone, live=True)


class SlowPcm(Pcm):
    """A codec that needs half a second more for 15 ms of speech than there is."""

    def open_encoder(self) -> Encode:
        encode = super().open_encoder()

        def slowly(samples: np.ndarray) -> bytes:
            time.sleep(0.05)
            return encode(samples)

        return slowly


def test_a_machine_that_is_too_slow_is_told_so() -> None:
    """Measured: more than a second for a second of speech; and the screen stays quick."""

    async def scene(stage: Stage) -> None:
        await stage.says("too slow for real time")
        assert (stage.app.lab_screen.picture.load or 0.0) > 2.0  # type: ignore[union-attr]
        began_s = time.monotonic()
        await stage.press("m")
        await stage.says("muted")
        assert time.monotonic() - began_s < 5.0

    play(scene, lab=LabState(LabStart(speech_of(None)), lambda: [SlowPcm()]))


@pytest.mark.codec2
@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("size", [(40, 16), (40, 24), (60, 20), (80, 24), (120, 40)])
def test_every_size_shows_all_lanes(size: tuple[int, int]) -> None:
    """Each lane has its row of figures and a waveform of at least one row, and nothing is wider than the screen."""
    names = [
        f"{number} {name}"
        for number, name in enumerate(("Gossamer 800", "Codec2 700C", "Codec2 3200", "Opus 6k", "PCM"), 1)
    ]

    def drawn(rows: list[str], name: str) -> bool:
        below = next((rows[place + 1] for place, text in enumerate(rows[:-1]) if name in text), "")
        return any(0x2800 <= ord(mark) <= 0x28FF for mark in below)

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: all(drawn(stage.text().splitlines(), name) for name in names))
        rows = stage.text().splitlines()
        assert size[1] == len(rows)
        assert "hear" in rows[-1] and "keys" in rows[-1]
        await stage.press("tab", "tab")
        await stage.says("PCM 0 at once")

    play(scene, size=size)


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c"])
def test_it_is_left(key: str) -> None:
    """Each of them ends the program with exit code 0."""

    async def scene(stage: Stage) -> None:
        await stage.press(key)
        await stage.until(lambda: not stage.app.is_running)

    assert 0 == play(scene).return_code
