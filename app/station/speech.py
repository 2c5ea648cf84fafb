"""The codec at work in a station: encoding and decoding, off the trio thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from app.audio.devices import Block
from app.codecs.decoding import FeatureDecoder
from app.threads import InThread
from codec.encoder import PacketEncoder
from transport.playout.items import ReceivedPacket
from vocoder.synthesizer import Synthesizer


class NumberedEncoder(PacketEncoder, Protocol):
    """A packet encoder that tells the number of its codec, such as `codec.encoder.Encoder`."""

    @property
    def codec_id(self) -> int:
        """Number of the codec, 0..65535: which decoders understand the packets."""
        ...


class PacketCopier(Protocol):
    """A maker of coarse copies, such as `codec.copies.CopyEncoder`."""

    def copy(self, packet: bytes) -> bytes:
        """Return the coarse copy, 8 bytes, of the next packet of an over."""
        ...

    def reset(self) -> None:
        """Go back to the start of a transmission."""
        ...


class SpeechEncoder:
    """An encoder whose work is done in a thread."""

    def __init__(
        self,
        encoder: NumberedEncoder,
        in_thread: InThread,
        on_spoken: Callable[[Block], None],
        copier: PacketCopier | None = None,
    ) -> None:
        """Take the encoder; `on_spoken` is shown what it gets, float32 [2560] at a time.

        copier: what makes the coarse copies; None where there are to be none.
        """
        self._encoder = encoder
        self._in_thread = in_thread
        self._on_spoken = on_spoken
        self._copier = copier

    @property
    def codec_id(self) -> int:
        """Number of the codec, 0..65535."""
        return self._encoder.codec_id

    def reset(self) -> None:
        """Forget all samples before."""
        self._encoder.reset()
        if self._copier is not None:
            self._copier.reset()

    async def encode(self, samples: Block) -> tuple[bytes, bytes | None]:
        """Return the packet, 32 bytes, of the next float32 [2560], and its coarse copy, if there is to be one."""
        self._on_spoken(samples)
        encoded: tuple[bytes, bytes | None] = await self._in_thread(self._encode, samples)
        return encoded

    def _encode(self, samples: Block) -> tuple[bytes, bytes | None]:
        packet = self._encoder.encode(samples)
        return packet, self._copier.copy(packet) if self._copier is not None else None


class SpeechDecoder:
    """A decoder and a synthesizer whose work is done in a thread."""

    def __init__(self, decoder: FeatureDecoder, synthesizer: Synthesizer, in_thread: InThread) -> None:
        """Take the models. Calls through `in_thread` come one at a time, in the order in which they were made."""
        self.in_thread = in_thread
        self._decoder = decoder
        self._synthesizer = synthesizer

    @property
    def codec_id(self) -> int:
        """Number of the codec, 0..65535."""
        return self._decoder.codec_id

    def synthesize(self, packet: ReceivedPacket, fresh: bool) -> Block:
        """Return the sound of a packet, float32 [2560]; a lost one is rebuilt or concealed. Blocking: for the thread.

        fresh: the packet begins an over, so that nothing of what was decoded before is continued.
        """
        if fresh:
            self._decoder.reset()
            self._synthesizer.reset()
        return self._synthesizer.synthesize(self._decoder.decode(packet.content, packet.copy))

    async def decode(self, packet: ReceivedPacket, fresh: bool) -> Block:
        """Return the sound of a packet, float32 [2560], as `synthesize` does."""
        samples: Block = await self.in_thread(self.synthesize, packet, fresh)
        return samples

    async def flush(self) -> Block:
        """Return the sound that is left at the end of an over, float32 [n]."""
        tail: Block = await self.in_thread(self._synthesizer.flush)
        return tail
