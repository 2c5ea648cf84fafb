"""The headless demonstration: the real program once in real time, then in virtual time with the real models."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing

from app import events
from app.audio.devices import absent_devices
from app.audio.sound_files import read_speech
from app.cli.demo import DemoLog, converse, summary
from app.clips import load_clip
from app.settings.model import Settings
from app.signals import Ending, run_until_signal
from app.station.parts import open_station_link, real_parts
from codec import format as fmt
from tests.support.station import FlippedLink, at_once

ROOT = Path(__file__).parents[3]


def test_without_a_terminal_the_conversation_is_held_and_written(tmp_path):
    """`gossamer` in a pipe: exit code 0, a summary, and two files of the same length with at least 5 s of speech."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert 0 == run.returncode, run.stderr
    assert re.search(r"^speech +9\.\d s in \d+ packets$", run.stdout, re.M)
    assert re.search(r"^voice +800 bit/s$", run.stdout, re.M)
    assert re.search(r"^on the wire +1[01]\d\d bit/s$", run.stdout, re.M)
    assert re.search(r"^packets lost +0 of \d+", run.stdout, re.M)
    assert re.search(r"^mouth to ear +[01]\.\d\d s measured", run.stdout, re.M)
    assert re.search(r"^processor +[\d.]+ % of one core$", run.stdout, re.M)
    original = read_speech(tmp_path / "gossamer-demo" / "original.wav")
    heard = read_speech(tmp_path / "gossamer-demo" / "heard.wav")
    assert len(original) == len(heard) >= 5 * fmt.SAMPLE_RATE_HZ
    assert np.abs(original[: len(load_clip(0))] - load_clip(0)).max() < 1e-3
    assert 0.02 < np.sqrt((heard**2).mean()) / np.sqrt((original**2).mean()) < 5


def conversation(link: str = "parrot://?rate=1200", flip: bool = False) -> tuple[DemoLog, Settings]:
    """The demonstration in virtual time."""
    held, settings = DemoLog(), Settings(link=link)

    async def open_link(address, nursery, arrived):
        opened, who = await open_station_link(address, nursery, arrived)
        return (FlippedLink(opened, 6, 0x10) if flip else opened), who

    parts = real_parts(
        open_link=open_link,
        open_sound=absent_devices,
        in_thread=lambda: at_once,
        on_spoken=held.spoken.append,
        on_heard=held.heard.append,
    )
    clock = trio.testing.MockClock(autojump_threshold=0)
    run_until_signal(converse, settings, parts, held, load_clip(1)[:48000], clock=clock)
    return held, settings


def test_flipping_bytes_on_the_link_changes_what_is_heard():
    """The sound is decoded from what the receiver took off the link, and from nothing else."""
    clean, again, flipped = conversation()[0], conversation()[0], conversation(flip=True)[0]
    assert np.array_equal(np.concatenate(clean.heard), np.concatenate(again.heard))
    assert np.array_equal(np.concatenate(clean.spoken), np.concatenate(flipped.spoken))
    difference = np.concatenate(clean.heard) - np.concatenate(flipped.heard)
    assert np.sqrt((difference**2).mean()) > 0.1 * np.sqrt((np.concatenate(clean.heard) ** 2).mean())


def test_the_summary_counts_what_the_link_damaged():
    """Bit errors on the way show as damaged or lost packets."""
    held, settings = conversation("parrot://?rate=1200&ber=0.003&seed=5")
    said = summary(settings, held, 0.05)
    found = re.search(r"packets lost +(\d+) of 19 there and back(?:, (\d+) damaged)?", said)
    assert found is not None, said
    assert int(found[1]) + int(found[2] or 0) > 0


def test_a_link_on_which_nothing_comes_back_is_said():
    """No endless waiting: a problem with a cure."""
    from app.errors import GossamerError

    with pytest.raises(GossamerError, match="nothing came back"):
        conversation("parrot://?loss=1")


CONVERSATION = (events.OverSent, events.OverBegan, events.OverPlayed)


def test_an_answer_that_a_signal_cuts_off_is_none():
    """What was heard of it is kept, and no figures are made of it: the command was interrupted."""
    settings, log = Settings(link="parrot://", record=False), DemoLog()
    parts = real_parts(open_sound=absent_devices, in_thread=lambda: at_once, on_heard=log.heard.append)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            ending = Ending(trio.Event(), nursery.cancel_scope)
            nursery.start_soon(converse, ending, settings, parts, log, load_clip(1)[:48000])
            while not log.only(events.OverBegan):
                await trio.sleep(0.1)
            await trio.sleep(2.0)
            ending.asked.set()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert sum(map(len, log.heard)) > fmt.SAMPLE_RATE_HZ
    assert [events.OverSent, events.OverBegan] == [
        type(event) for event in log.happened if isinstance(event, CONVERSATION)
    ]
