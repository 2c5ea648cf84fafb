"""`python -m tests.field.flood`: how much of a genuine over a sealed station hears under a flood of forged frames.

A `gossamer listen` of this checkout waits on loopback. A caller that has the key sends it an over at the pace of
speech; beside it a forger sends frames with bad tags, from the addresses that the attack is named after. It prints a
line for each attack, and first one without any: a busy machine loses packets by itself.

Everything is sent over 127.0.0.0/8.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from codec.models import DECODER, model_path
from tests.support.processes import free_port, read_line
from transport.protection.channel import Channel, open_channel
from transport.protection.cipher import Secret, derive_key
from transport.protocol.frames import NONCE_BYTES, PACKET_BYTES, PACKET_S, TAG_BYTES_IP, Beacon, Frame, Mode
from transport.protocol.over import OverSender

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a passphrase of this measurement alone"
CHANNEL = "measured"
OVER = 0x5A
FORGED_BYTES = 44
"""Length of a forged frame: that of a VOICE with one packet."""
SLICE_S = 0.005
"""Time between two bursts of the forger, in seconds: 50 frames at 10,000 a second."""
ATTACKS = ("none", "one address", "600 ports", "made up", "the caller's address, unproven", "the caller's address")


def forged_frames(count: int) -> list[bytes]:
    """Return frames in the shape of every type, VOICE of the over that is heard among them, with random tags."""
    draws = random.Random(1)
    frames = []
    for number in range(count):
        kind = 1 + number % 8
        over = OVER if number % 2 else draws.randrange(256)
        frames.append(bytes([Mode.SEALED << 4 | kind, over]) + draws.randbytes(FORGED_BYTES - 2))
    return frames


def bound(host: str) -> socket.socket:
    """Return a UDP socket at a free port of this address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


def sockets_of(attack: str, caller: socket.socket) -> list[socket.socket]:
    """Return the sockets from which the forger sends."""
    if attack.startswith("the caller"):
        return [caller]
    if attack == "one address":
        return [bound("127.9.9.9")]
    if attack == "600 ports":
        return [bound("127.9.9.9") for _ in range(600)]
    draws = random.Random(2)
    return [
        bound(f"127.{draws.randrange(1, 255)}.{draws.randrange(255)}.{draws.randrange(1, 255)}") for _ in range(900)
    ]


def flood(attack: str, caller: socket.socket, port: int, per_s: float) -> None:
    """Send forged frames at this rate until killed."""
    sockets, frames = sockets_of(attack, caller), forged_frames(4096)
    number, began_s = 0, time.monotonic()
    while True:
        wanted = int(per_s * (time.monotonic() - began_s))
        while number < wanted:
            sockets[number % len(sockets)].sendto(frames[number % len(frames)], ("127.0.0.1", port))
            number += 1
        time.sleep(SLICE_S)


def over_frames(packets: int, codec_id: int) -> Iterator[tuple[float, Frame]]:
    """Return the frames of an over, each with the time in seconds at which it is said."""
    draws = random.Random(3)
    sender = OverSender(over=OVER, nonce=os.urandom(NONCE_BYTES), utc_s=0, codec_id=codec_id, k=1, sender="Genuine")
    yield 0.0, sender.begin()
    for number in range(packets):
        for frame in sender.voice([draws.randbytes(PACKET_BYTES)]):
            yield (number + 1) * PACKET_S, frame
    for _ in range(2):
        yield (packets + 1) * PACKET_S, sender.end()


def measure(attack: str, per_s: float, seconds: float, folder: Path, key: bytes) -> str:
    """Run one attack, and return its line."""
    from codec.decoder import Decoder

    secret = Secret(Mode.SEALED, key)
    channel: Channel = open_channel(secret, TAG_BYTES_IP, os.urandom)
    port = free_port()
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    (folder / "passphrase").chmod(0o600)
    words: Sequence[object] = (
        *("listen", f"udp://:{port}", "--output", folder / "heard.wav", "--json", "--no-record", "--channel", CHANNEL),
        *("--passphrase-file", folder / "passphrase"),
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "app", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "listening on" not in read_line(process.stderr):
        pass
    caller = bound("127.0.0.1")

    def say(frame: Frame) -> None:
        caller.sendto(channel.encode(frame, time.monotonic(), int(time.time())), ("127.0.0.1", port))

    if not attack.endswith("unproven"):
        say(Beacon(0, 0))
    forger = 0
    if attack != "none" and not (forger := os.fork()):
        flood(attack, caller, port, per_s)
    time.sleep(1.0)
    packets, began_s = round(seconds / PACKET_S), time.monotonic()
    for at_s, frame in over_frames(packets, Decoder(model_path(DECODER, "standard")).codec_id):
        time.sleep(max(0.0, began_s + at_s - time.monotonic()))
        say(frame)
    time.sleep(3.0)
    if forger:
        os.kill(forger, signal.SIGKILL)
        os.waitpid(forger, 0)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    said = json.loads(out) if out else {"overs": [], "refused": {}}  # nothing was heard: it says so and ends
    print(errors.strip(), end="" if out else "\n", file=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    heard = sum(over["packets"] - over["lost"] for over in said["overs"])
    refused = sum((said["refused"] or {}).values())
    busy_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lost = 100 * (packets - heard) / packets
    return (
        f"{attack:31} {packets - heard:3} of {packets} packets lost ({lost:.1f} %), {refused / (seconds + 4):6.0f} bad "
        f"frames/s counted, {busy_s:5.1f} s of processor (listener and forger), load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Measure each attack, and print its line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=10_000.0, help="forged frames a second (10000)")
    parser.add_argument("--seconds", type=float, default=32.0, help="length of the genuine over (32)")
    parser.add_argument("--attack", choices=ATTACKS, action="append", help="only this one; may be given again")
    arguments = parser.parse_args()
    key = derive_key(PASSPHRASE, CHANNEL)
    for attack in arguments.attack or ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(attack, arguments.rate, arguments.seconds, Path(folder), key), flush=True)


if __name__ == "__main__":
    main()
