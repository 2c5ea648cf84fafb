"""Real processes whose sockets somebody else floods with forged ICMP messages: all is heard, and nothing ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from app.audio.sound_files import read_speech
from codec.format import SAMPLE_RATE_HZ
from tests.support.icmp import calling_address, icmp_flood
from tests.support.processes import CLIP, free_port, listener, start

PASSPHRASE = "orbit velvet canyon pickle thunder\n"
PATIENCE_S = 60.0


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[str, ...]:
    """The words that seal a channel."""
    path = tmp_path / "key"
    path.write_text(PASSPHRASE)
    path.chmod(0o600)
    return "--channel", "harbour", "--passphrase-file", str(path)


@pytest.mark.parametrize("per_s", [300, 3000])
def test_a_flood_of_forged_messages_takes_no_packet(per_s: int, tmp_path: Path, sealed: tuple[str, ...]) -> None:
    """Both a caller that listens and one that sends are flooded: 12 packets are heard, and `send` says so."""
    port = free_port()
    speech = tmp_path / "short.wav"
    soundfile.write(speech, read_speech(CLIP)[: 15 * SAMPLE_RATE_HZ // 4], SAMPLE_RATE_HZ)
    once = "--once", "--json", *sealed
    waiting = listener(port, "--output", tmp_path / "bob.wav", *once, "--name", "Bob", protection="sealed")
    calling = start("listen", f"udp://127.0.0.1:{port}", "--output", tmp_path / "cal.wav", *once, "--name", "Cal")
    there = "127.0.0.1", port
    with icmp_flood(calling_address(calling.pid), there, per_s):
        sender = start("send", f"udp://127.0.0.1:{port}", "--input", speech, "--json", "--name", "Ada", *sealed)
        with icmp_flood(calling_address(sender.pid), there, per_s):
            said, problems = sender.communicate(timeout=PATIENCE_S)
        assert 0 == sender.returncode, problems
        packets = json.loads(said)["packets"]
        for process in (waiting, calling):
            heard, problems = process.communicate(timeout=PATIENCE_S)
            assert 0 == process.returncode, problems
            over = json.loads(heard)["overs"][0]
            assert (packets, 0) == (over["packets"], over["lost"])
