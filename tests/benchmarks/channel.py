"""`python -m tests.benchmarks.channel [LISTENERS ...]`: what a channel with so many listeners costs a broker.

One talker publishes a sealed frame every 320 ms, as a station does, on one Mosquitto of this machine. The listeners are
bare: sockets of this process, which greet by paho and then only count the bytes that come. So the delay has in it what
this process takes to read the sockets one after the other, and the broker what it takes to write to them. Processor
and memory are the broker's alone.
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.footprint import resident_mb
from tests.support.broker import Broker, program
from transport.address import parse_address
from transport.broker import HELLO, TOKEN_BYTES, Access, BrokerSettings, leaving_message
from transport.links.mqtt_client import Greeted, MqttClient, Subscribed
from transport.protocol.frames import PACKET_BYTES, PACKET_S, TAG_BYTES_IP
from transport.protocol.open_frames import HEADER_BYTES

LISTENERS = (10, 100, 1000)
SETTLED_S = 2.0
MEASURED_S = 20.0
LAST_S = 2.0
"""Time that the last frames get to arrive, in seconds."""
FRAME_BYTES = HEADER_BYTES + PACKET_BYTES + TAG_BYTES_IP
"""Length of a sealed VOICE frame at k = 1."""
SPARE_FILES = 100
NODE_SHARE = 0.5
"""Share of a core that a broker's node is loaded with, so that there is room for what comes in bursts."""


@dataclass(frozen=True)
class Measured:
    """What one number of listeners took."""

    listeners: int
    processor: float
    """Share of a core that the broker took while one station talked."""
    memory_mb: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    expected: int
    lost: int


def greeted(settings: BrokerSettings, number: int) -> tuple[socket.socket, MqttClient]:
    """Return a socket on which the broker has let a client in, and its client; nothing has come that was not read."""
    sock = socket.create_connection((settings.host, settings.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = MqttClient(settings, f"bench{number}", leaving_message(bytes(TOKEN_BYTES)))
    sock.sendall(client.data_to_send())
    client.receive_data(sock.recv(4096))
    client.subscribe()
    client.greet(HELLO)
    sock.sendall(client.data_to_send())
    missing = {Subscribed, Greeted}
    while missing:
        missing -= {type(event) for event in client.receive_data(sock.recv(4096))}
    return sock, client


class Listeners:
    """Bare listeners on one channel, and when each message reached each of them."""

    def __init__(self, settings: BrokerSettings, count: int, message_bytes: int) -> None:
        self._message_bytes = message_bytes
        self._selector = selectors.DefaultSelector()
        self._sockets = [greeted(settings, number)[0] for number in range(count)]
        self._read = [0] * count
        self.arrived: list[tuple[int, float]] = []
        """Number of the message, and when it came."""
        for number, sock in enumerate(self._sockets):
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ, number)

    def forget(self) -> None:
        """Begin to count anew."""
        self.listen_until(time.monotonic() + SETTLED_S)
        self._read = [0] * len(self._sockets)
        self.arrived.clear()

    def listen_until(self, end_s: float) -> None:
        """Read what comes until this time."""
        while (left_s := end_s - time.monotonic()) > 0:
            for key, _ in self._selector.select(left_s):
                self._take(key.data)

    def _take(self, number: int) -> None:
        before = self._read[number] // self._message_bytes
        self._read[number] += len(self._sockets[number].recv(65536))
        now = time.monotonic()
        after = self._read[number] // self._message_bytes
        self.arrived += [(message, now) for message in range(before, after)]

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()


def processor_s(process: int) -> float:
    """Return the processor time that a process has taken, in seconds."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def measure(broker: Broker, count: int) -> Measured:
    """Have one talk to so many for MEASURED_S."""
    link = parse_address(f"mqtt://127.0.0.1:{broker.port}/bench").with_access(Access(key=bytes(32)))
    settings: BrokerSettings = link.settings
    message_bytes = 2 + 2 + len(settings.topic) + 1 + FRAME_BYTES
    listeners = Listeners(settings, count, message_bytes)
    talks, client = greeted(settings, count)
    talks.setblocking(False)
    listeners.forget()
    before_s, began_s = processor_s(broker.process_id), time.monotonic()
    sent: list[float] = []
    while time.monotonic() - began_s < MEASURED_S:
        client.publish(bytes(FRAME_BYTES))
        octets = client.data_to_send()
        sent.append(time.monotonic())
        talks.sendall(octets)
        listeners.listen_until(began_s + len(sent) * PACKET_S)
    took_s = processor_s(broker.process_id) - before_s
    listeners.listen_until(time.monotonic() + LAST_S)
    delays_ms = sorted(1000 * (at_s - sent[message]) for message, at_s in listeners.arrived)
    p50, p95, p99 = (delays_ms[min(len(delays_ms) - 1, int(share * len(delays_ms)))] for share in (0.5, 0.95, 0.99))
    expected = count * len(sent)
    found = resident_mb(broker.process_id)
    listeners.close()
    talks.close()
    return Measured(count, took_s / MEASURED_S, found, p50, p95, p99, expected, expected - len(delays_ms))


def report(rows: list[Measured]) -> str:
    """Return the table, and what a listener more costs."""
    lines = ["listeners  processor  memory MB   p50 ms   p95 ms   p99 ms      lost"]
    for row in rows:
        lines.append(
            f"{row.listeners:9}  {row.processor:8.2%}  {row.memory_mb:9.1f}  {row.p50_ms:7.2f}  {row.p95_ms:7.2f}"
            f"  {row.p99_ms:7.2f}  {row.lost} of {row.expected}"
        )
    if len(rows) > 1:
        first, last = rows[0], rows[-1]
        more = last.listeners - first.listeners
        processor = (last.processor - first.processor) / more
        memory_kb = 1000 * (last.memory_mb - first.memory_mb) / more
        lines.append(
            f"a listener more: {processor:.4%} of a core while somebody talks, {memory_kb:.1f} kB; "
            f"{NODE_SHARE:.0%} of a core carries {NODE_SHARE / processor:,.0f} listeners"
        )
    return "\n".join(lines)


def main(words: list[str]) -> int:
    """Measure, print, and return the exit code."""
    if program("mosquitto") is None:
        print("mosquitto not found (Debian: mosquitto)", file=sys.stderr)
        return 2
    counts = [int(word) for word in words] or list(LISTENERS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(counts) + SPARE_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, min(most, wanted)), most))
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            (inner := Path(folder) / "broker").mkdir()
            broker = Broker(inner)
            try:
                rows.append(measure(broker, count))
            finally:
                broker.kill()
        print(json.dumps(asdict(rows[-1])), file=sys.stderr)
    print(report(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
