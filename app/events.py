"""What the engine tells its host: facts, in the order they happened. A host may show only some of them.

Times are `trio.current_time()` seconds, levels are dB relative to full scale (0 dB), rates are bit/s.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from app.errors import one_line
from transport.protocol.floor_states import State
from transport.protocol.frames import Mode

Device = Literal["microphone", "loudspeaker"]

QUIET_DB = -96.0
"""What a level meter shows for silence: one 16-bit step."""


@dataclass(frozen=True, slots=True)
class StationReady:
    """Models, link and devices are open; keys are listened to from now on."""

    link: str
    """The address as shown."""
    station: str
    """Who is at the other end, where that is known ("parrot"), else ""."""
    codec_id: int
    packets_per_frame: int
    mode: Mode = Mode.OPEN
    """How the channel is protected."""


@dataclass(frozen=True, slots=True)
class SlowLink:
    """By the plan this link is slower than speech: overs are gathered at the far end, and played after their end."""

    packets_per_frame: int
    share: float
    """An over of a second is on the link for so many seconds; above 1."""

    def __str__(self) -> str:
        """For the user, with the wait."""
        return (
            f"slower than speech with k={self.packets_per_frame}: overs are gathered, then played; "
            f"one of 10 s is heard some {10 * self.share:.0f} s after it began"
        )


@dataclass(frozen=True, slots=True)
class FloorChanged:
    """Who may talk, seen from this station."""

    state: State


@dataclass(frozen=True, slots=True)
class Collision:
    """Two stations probably talked at once. One line why that is thought."""

    reason: str


@dataclass(frozen=True, slots=True)
class TalkPermitted:
    """The floor is ours: what is said is sent (from the pre-roll on)."""

    over: int


@dataclass(frozen=True, slots=True)
class TalkDenied:
    """The key is down and the floor is not ours. One line why, for the screen."""

    reason: str


@dataclass(frozen=True, slots=True)
class TalkTimeWarning:
    """The time-out is near: the over will be ended in so many seconds."""

    left_s: float


class EndReason(enum.Enum):
    """Why an over of ours ended. The value is the word for the screen."""

    RELEASED = "released"
    """The talk key came up, or the speaker fell silent under voice operation."""
    TIME_OUT = "time-out"
    """The over lasted as long as any over may."""
    CLIP_ENDED = "clip ended"
    """The clip that was spoken instead of the microphone is over."""
    CLOSED = "closed"
    """The station is being closed."""


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """Our over has ended; its last frame may still be on its way out (`TalkDraining`).

    An over that is given up because the link failed or somebody else was first ends with `TalkDenied` instead.
    """

    over: int
    packets: int
    duration_s: float
    reason: EndReason


@dataclass(frozen=True, slots=True)
class TalkDraining:
    """Frames of our over that wait for a slow link, in seconds until the last one is sent; 0 when it is."""

    left_s: float


@dataclass(frozen=True, slots=True)
class OverSent:
    """The last bit of our over has left."""

    over: int
    packets: int
    voice_bps: float
    """Packets only, over the duration of the speech."""
    wire_bps: float
    """Everything that the over put on the wire, over the duration of the speech."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The station that our over was meant for says how much of it arrived."""

    over: int
    heard: int
    packets: int


@dataclass(frozen=True, slots=True)
class OverBegan:
    """Somebody else is heard. An over that begins while another is still being played has its turn after it."""

    over: int
    sender: str
    packets_per_frame: int
    addressee: str = ""
    """Whom it is meant for; empty: everybody."""


@dataclass(frozen=True, slots=True)
class OverEnded:
    """Somebody else's over was played to its end."""

    over: int
    sender: str
    packets: int
    """Packets that the over had, as far as known: heard and lost together."""
    lost: int
    damaged: int
    duration_s: float
    complete: bool
    """False: the signal was lost before an END came."""


@dataclass(frozen=True, slots=True)
class TextHeard:
    """Somebody sent a short message."""

    sender: str
    text: str
    addressee: str = ""
    """Whom it is meant for; empty: everybody."""


@dataclass(frozen=True, slots=True)
class CallHeard:
    """Somebody talks to us after a pause: worth a bell. The over itself is OverBegan."""

    sender: str
    addressed: bool
    """To this station by name, not to everybody."""


@dataclass(frozen=True, slots=True)
class VoxChanged:
    """Voice operation was switched on or off, or could not be."""

    on: bool
    problem: str = ""
    """One line why not."""


@dataclass(frozen=True, slots=True)
class ReplayBegan:
    """The last over is played again, from its packets."""

    sender: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class ReplayEnded:
    """It was played to its end, or something more important came."""


@dataclass(frozen=True, slots=True)
class ReplayRefused:
    """Nothing is played again. One line why, for the screen."""

    reason: str


@dataclass(frozen=True, slots=True)
class PongHeard:
    """Somebody answers our ping."""

    token: int


@dataclass(frozen=True, slots=True)
class CodecMismatch:
    """Somebody talks with another codec: said, and not played as noise."""

    sender: str
    ours: int
    theirs: int


@dataclass(frozen=True, slots=True)
class Level:
    """How loud it was in the last tenth of a second, after gain or volume."""

    device: Device
    rms_db: float
    peak_db: float
    clipped: bool
    """Samples of the microphone reached full scale: turn its gain down."""


@dataclass(frozen=True, slots=True)
class LayerRate:
    """One layer's share of the wire, averaged over the last seconds."""

    layer: str
    sent_bps: float
    received_bps: float
    sent_octets: int = 0
    """Since the link was opened."""
    received_octets: int = 0


@dataclass(frozen=True, slots=True)
class WireRate:
    """Bits on the wire now, by layer from the voice outwards; their sum is what the link carries."""

    layers: tuple[LayerRate, ...]
    packets_sent: int = 0
    """Packets of voice put on the link since the start; sent again (`repeat=1`) counts again."""

    @property
    def sent_bps(self) -> float:
        return sum(layer.sent_bps for layer in self.layers)

    @property
    def received_bps(self) -> float:
        return sum(layer.received_bps for layer in self.layers)


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """Packets of voice from others since the start; sent whenever one of the figures changed."""

    received: int
    lost: int
    damaged: int
    late: int
    """Of the lost: those that came after their moment to be played."""
    rubbish: int
    """Frames that were no frames."""


@dataclass(frozen=True, slots=True)
class PlayoutState:
    """Play-out of the over that is being heard."""

    hold_s: float
    """What the over is held back to ride out jitter."""
    waiting_s: float
    """Speech that has arrived and waits to be played."""
    signal_lost: bool
    gathering: bool = False
    """The link is slower than speech: the over is buffered and played after its end."""


@dataclass(frozen=True, slots=True)
class MouthToEar:
    """From a sound at a microphone to the same sound at a loudspeaker, at the end of an over.

    `measured` is True where both ends share a clock (the parrot): then every part was timed. Otherwise `link_s` is what
    cannot be known from here, and `total_s` goes without it.
    """

    total_s: float
    packet_s: float
    """Waiting until k packets are full, and encoding."""
    link_s: float
    """From handing a frame to the link until the far end has it."""
    playout_s: float
    """Hold, decoding and the codec's declared delay."""
    devices_s: float
    """Buffers of the microphone and the loudspeaker."""
    measured: bool


class Problem:
    """A fault that the station works on in spite of: what is wrong, and what the user can do about it."""

    __slots__ = ()
    cause: str
    cure: str

    def __str__(self) -> str:
        return one_line(self.cause, self.cure)


@dataclass(frozen=True, slots=True)
class DeviceProblem(Problem):
    """A device is missing or was lost; the engine goes on without it and tries again."""

    device: Device
    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class DeviceReady:
    """A device works (again)."""

    device: Device
    name: str
    rate_hz: int
    number: int | None = None
    """PortAudio's, for several devices may share a name; None where it is no device of PortAudio's."""


@dataclass(frozen=True, slots=True)
class LinkProblem(Problem):
    """The link fails; the engine goes on and keeps trying."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class RecordingProblem(Problem):
    """Overs are not kept, or no longer; the conversation goes on. Told once, until it works again."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class LinkRecovered:
    """The link works again."""


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Frames that were refused since the start, by why; sent now and then, if one of the figures changed."""

    bad_tags: int = 0
    """Forged, damaged, or sealed with another passphrase: these look the same."""
    replayed: int = 0
    """Authentic, and heard before or our own."""
    stale: int = 0
    """Authentic, with a time more than a minute from ours."""
    unknown: int = 0
    """Of overs whose BEGIN was not heard."""
    foreign: int = 0
    """In another mode, or of a later version."""
    muted: int = 0
    """Not looked at, because their source sent too many bad tags."""


@dataclass(frozen=True, slots=True)
class ChannelProblem(Problem):
    """Something about who else is on the channel, or about its protection; the engine goes on. Comes at most once a
    minute.
    """

    cause: str
    cure: str


Event = (
    StationReady
    | SlowLink
    | FloorChanged
    | Collision
    | TalkPermitted
    | TalkDenied
    | TalkTimeWarning
    | TalkEnded
    | TalkDraining
    | OverSent
    | Receipt
    | OverBegan
    | OverEnded
    | TextHeard
    | CallHeard
    | VoxChanged
    | ReplayBegan
    | ReplayEnded
    | ReplayRefused
    | PongHeard
    | CodecMismatch
    | Level
    | WireRate
    | PacketCounts
    | PlayoutState
    | MouthToEar
    | DeviceProblem
    | DeviceReady
    | LinkProblem
    | RecordingProblem
    | LinkRecovered
    | ChannelCounts
    | ChannelProblem
)
