"""Overs of this station: blocks from the microphone become packets, frames and, at the end, END.

    microphone --gain--> pre-roll ... key ... queue --2560 samples--> encoder --k packets--> transmitter

Speech is kept from the key on, and from 200 ms before it, also while BEGIN is still on its way: nothing said is lost.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial

import numpy as np
import trio

from app.audio.devices import BLOCK_S, Block
from app.audio.level import LevelMeter, amplitude
from app.events import EndReason, Event, TalkEnded
from app.settings.model import Settings
from app.station.latency import Latency
from app.station.pre_roll import PreRoll, Spoken
from app.station.speech import SpeechEncoder
from app.station.transmitter import Transmitter
from app.station.vox import PRE_ROLL_S
from codec import format as fmt
from transport.protocol.frames import NONCE_BYTES, Repeat, Voice
from transport.protocol.over import OverSender

MAX_WAITING_BLOCKS = 500
"""Largest number of blocks between microphone and encoder: 10 s. More wait only if the encoder cannot keep up."""
END_AGAIN_S = 0.1
"""Time between the two ENDs of an over, in seconds, so that one burst of loss does not take both."""


def _blocks(seconds: float) -> int:
    """Return the number of the microphone's blocks that last at least so long."""
    return max(0, math.ceil(seconds / BLOCK_S))


class Talker:
    """The way from the microphone to the transmitter. Whether it may talk is the conversation's business."""

    def __init__(
        self,
        *,
        settings: Settings,
        packets_per_frame: int,
        repeat: Repeat,
        speech: SpeechEncoder,
        transmitter: Transmitter,
        latency: Latency,
        clock: Callable[[], int],
        emit: Callable[[Event], None],
    ) -> None:
        """Take the parts, 1..6 packets_per_frame, and what each frame carries of the one before.

        clock: returns UTC seconds since 1970, 0 where there is no clock.
        """
        self._settings = settings
        self._k = packets_per_frame
        self._repeat = repeat
        self._speech = speech
        self._transmitter = transmitter
        self._latency = latency
        self._clock = clock
        self._emit = emit
        self._meter = LevelMeter("microphone")
        self._pre_roll_s = settings.pre_roll_s
        self._before_key = PreRoll(_blocks(max(settings.pre_roll_s, PRE_ROLL_S)) * BLOCK_S)
        self._put, self._take = trio.open_memory_channel[OverSender | Spoken | None](MAX_WAITING_BLOCKS)
        self._listening = False
        self._sender: OverSender | None = None
        self._end_reason = EndReason.RELEASED
        self._told_end = True
        """True once the host was told that the over has ended."""
        self._packets_taken = 0
        """Number of packets of the over that the link has taken..."""
        self._taken_until = 0
        """...and the place behind the last one of them."""
        self._last_over = -1
        self.gain_db = settings.gain_db
        self.addressee: str | None = settings.addressee or None
        """Name of the station that is asked for a receipt, from the next over on.

        "" asks nobody, None whoever alone is there with this station.
        """
        self.addressed = ""
        """Name of the station that the last over was addressed to."""
        self.only_other: Callable[[], str] = str
        """Function that returns the name of the only other station that is there; empty where that is not so."""
        self.microphone_s = 0.0
        """Age of a block when it comes, in seconds."""
        self.end_sequence: int | None = None
        """Sequence number of the END of the last over that ended: a receipt names it."""
        self.packets_sent = 0
        """Number of packets in the last over that ended."""
        self.dropped_blocks = 0
        """Number of blocks that found no room before the encoder."""

    # --- in the trio thread, from the microphone and the engine ---

    @property
    def pre_roll_blocks(self) -> int:
        """Number of blocks from before the key that are sent."""
        return _blocks(self._pre_roll_s)

    def hear(self, block: Block, age_s: float = 0.0) -> None:
        """Take a block of the microphone or of a clip, float32 [n], before the gain.

        age_s: age of the block beyond that of any block of the microphone.
        """
        block = block * np.float32(amplitude(self.gain_db))
        level = self._meter.push(block)
        if level is not None:
            self._emit(level)
        at_s = trio.current_time() - age_s - self.microphone_s - len(block) / fmt.SAMPLE_RATE_HZ
        spoken = Spoken(np.clip(block, -1.0, 1.0), at_s)
        if self._listening:
            self._keep(spoken)
        else:
            self._before_key.keep(spoken)

    def begin(self, on_begun: Callable[[float], None], pre_roll_s: float | None = None) -> int:
        """Start an over and return its number, 0..255: BEGIN goes out, and speech is kept from now on.

        on_begun: told the time at which the link took BEGIN. pre_roll_s: seconds from before that are sent too; None
        takes the settings' value.
        """
        over = self._last_over
        while over == self._last_over:  # whose last frames may still be on their way out
            over = os.urandom(1)[0]
        self._last_over = over
        self.addressed = self.only_other() if self.addressee is None else self.addressee
        self._sender = OverSender(
            over=over,
            nonce=os.urandom(NONCE_BYTES),
            utc_s=self._clock(),
            codec_id=self._speech.codec_id,
            k=self._k,
            sender=self._settings.name,
            addressee=self.addressed,
            repeat=self._repeat,
        )
        self._told_end = False
        self._packets_taken = self._taken_until = 0
        self._transmitter.send(self._sender.begin(), on_begun)
        self._put.send_nowait(self._sender)
        self._listening = True
        before = _blocks(self._pre_roll_s if pre_roll_s is None else pre_roll_s)
        for spoken in self._before_key.newest(before * BLOCK_S):
            self._keep(spoken)
        self._before_key.clear()
        return over

    def forget(self) -> None:
        """Empty the pre-roll: what comes next has nothing to do with what was heard before."""
        self._before_key.clear()

    def end(self, reason: EndReason) -> None:
        """End the over; what was said before is still sent."""
        if self._listening:
            self._end_reason = reason
            self._close()

    def abandon(self) -> None:
        """End the over without sending any more of it: the link is gone, or somebody was first."""
        self._sender = None
        self._close()

    def end_unsent(self) -> None:
        """End an over that is on the air, because the link is gone, with the length that the link has taken."""
        if self._sender is not None and not self._told_end:
            count = self.packets_sent = self._packets_taken
            self._tell_end(self._sender.over, count, EndReason.LINK_LOST)
        self.abandon()

    def _close(self) -> None:
        if self._listening:
            self._listening = False
            self._put.send_nowait(None)

    def _keep(self, spoken: Spoken) -> None:
        if self._put.statistics().current_buffer_used < MAX_WAITING_BLOCKS - 1:  # one place is the end's
            self._put.send_nowait(spoken)
        else:
            self.dropped_blocks += 1

    # --- the task ---

    async def run(self, on_drained: Callable[[int, int, int], None]) -> None:
        """Encode and send over after over until cancelled.

        on_drained: told the over, its number of packets and how many of them the link did not take, when the last frame
        has left.
        """
        while True:
            sender = await self._take.receive()
            if isinstance(sender, OverSender):
                await self._one_over(sender, on_drained)

    async def _one_over(self, sender: OverSender, on_drained: Callable[[int, int, int], None]) -> None:
        speech = np.zeros(0, np.float32)
        packets: list[tuple[bytes, bytes | None]] = []
        """Packets of the frame being filled, with their coarse copies where there are to be some."""
        frame_at_s = 0.0
        """Time at which the first sample of the frame being filled was at the microphone."""
        self._speech.reset()
        while isinstance(spoken := await self._take.receive(), Spoken):
            if not len(speech) and not packets:
                frame_at_s = spoken.at_s
            speech = np.concatenate([speech, spoken.samples])
            while len(speech) >= fmt.PACKET_SAMPLES:
                packets.append(await self._speech.encode(speech[: fmt.PACKET_SAMPLES]))
                speech = speech[fmt.PACKET_SAMPLES :]
                if len(packets) == self._k:
                    self._send_voice(sender, packets, frame_at_s)
                    packets = []
                    frame_at_s = spoken.at_s + (len(spoken.samples) - len(speech)) / fmt.SAMPLE_RATE_HZ
        if len(speech):
            packets.append(await self._speech.encode(np.pad(speech, (0, fmt.PACKET_SAMPLES - len(speech)))))
        if packets:
            self._send_voice(sender, packets, frame_at_s)
        if self._sender is not sender:
            return  # abandoned
        count = self.packets_sent = sender.packets_sent
        self._tell_end(sender.over, count, self._end_reason)
        self.end_sequence = sender.end().sequence
        self._transmitter.send(sender.end())
        await trio.sleep(END_AGAIN_S)
        self._transmitter.send(sender.end())
        await self._transmitter.drained()
        on_drained(sender.over, count, count - self._packets_taken)

    def _send_voice(self, sender: OverSender, packets: list[tuple[bytes, bytes | None]], frame_at_s: float) -> None:
        if self._sender is not sender:
            return  # abandoned
        again = self._k if self._repeat is Repeat.PACKETS else 0
        first = max(0, sender.packets_sent - again)
        copies = [copy for _, copy in packets if copy is not None]
        for frame in sender.voice([packet for packet, _ in packets], copies):
            if isinstance(frame, Voice):
                self._latency.handed_over(frame.over, frame.sequence, frame_at_s, trio.current_time())
                self._transmitter.send(frame, partial(self._take_note, sender, first, sender.packets_sent))
            else:
                self._transmitter.send(frame)

    def _take_note(self, sender: OverSender, first: int, until: int, now: float) -> None:
        """Take note that the link has taken the packets of an over from one place until before another."""
        if self._sender is sender:
            self._packets_taken += until - max(first, self._taken_until)
            self._taken_until = until

    def _tell_end(self, over: int, packets: int, reason: EndReason) -> None:
        self._told_end = True
        self._emit(TalkEnded(over, packets, packets * fmt.PACKET_S, reason))
