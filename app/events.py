"""Events that a station tells its host: facts, in the order in which they happened. A host may show some of them only.

Times are `trio.current_time()` seconds, levels are dB relative to full scale (0 dB), rates are bit/s.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from app.errors import one_line
from transport.protocol.floor_states import State
from transport.protocol.frames import Mode

Device = Literal["microphone", "loudspeaker"]
Direction = Literal["heard", "sent"]
KeptKind = Literal["over", "message"]

QUIET_DB = -96.0
"""Level of silence on a meter, in dB of full scale: that of one 16-bit step."""


@dataclass(frozen=True, slots=True)
class StationReady:
    """Models, link and devices are open; commands are obeyed from now on."""

    link: str
    """Address of the link, as shown."""
    station: str
    """Name of the station at the other end, where that is known ("parrot"), else ""."""
    codec_id: int
    packets_per_frame: int
    mode: Mode = Mode.OPEN
    """Protection of the channel."""
    fingerprint: str = ""
    """Three words that tell the channel's key from others, to be compared by voice; "" for the open channel."""
    invitations: tuple[str, ...] = ()
    """Commands by which others call this station, where its link waits for them, the likeliest first."""


@dataclass(frozen=True, slots=True)
class SlowLink:
    """The link is slower than speech, by its plan: overs are gathered at the far end and played after their end."""

    packets_per_frame: int
    share: float
    """Seconds that an over of one second takes on the link, above 1."""

    def __str__(self) -> str:
        """Return what this means for the user, with the wait to expect."""
        return (
            f"slower than speech with k={self.packets_per_frame}: overs are gathered, then played; "
            f"one of 10 s is heard some {10 * self.share:.0f} s after it began"
        )


@dataclass(frozen=True, slots=True)
class FloorChanged:
    """The change of the floor, that is of who may talk, as this station sees it."""

    state: State


@dataclass(frozen=True, slots=True)
class Collision:
    """Two stations have probably talked at once."""

    reason: str
    """One line: what makes this station think so."""


@dataclass(frozen=True, slots=True)
class TalkPermitted:
    """The floor is ours: what is said, and was said in the pre-roll, is sent."""

    over: int


@dataclass(frozen=True, slots=True)
class TalkDenied:
    """The talk key was pressed, and the floor is not ours, or was taken away."""

    reason: str
    """One line for the screen: why."""


@dataclass(frozen=True, slots=True)
class TalkTimeWarning:
    """The time-out is near."""

    left_s: float
    """Seconds until the over will be ended."""


class EndReason(enum.Enum):
    """Reason why an over of ours ended. The value is the word for the screen."""

    RELEASED = "released"
    """The talk key came up, or the speaker fell silent under voice operation."""
    TIME_OUT = "time-out"
    """The over lasted as long as any over may."""
    CLIP_ENDED = "clip ended"
    """The clip that was spoken instead of the microphone is over."""
    MICROPHONE_LOST = "microphone lost"
    """Nothing came from the microphone any more."""
    LINK_LOST = "link lost"
    """The link is gone; the length is that of what it had taken."""
    CLOSED = "closed"
    """The station is being closed."""


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """Our over has ended; its last frame may still be on its way out (`TalkDraining`).

    Where the link is lost, `TalkDenied` follows with the reason. An over that never came on the air ends with
    `TalkDenied` alone.
    """

    over: int
    packets: int
    duration_s: float
    reason: EndReason


@dataclass(frozen=True, slots=True)
class TalkDraining:
    """The news that frames of our over wait for a slow link."""

    left_s: float
    """Seconds until the last of them is sent; 0 once it is."""


@dataclass(frozen=True, slots=True)
class OverSent:
    """The last bit of our over has left."""

    over: int
    packets: int
    voice_bps: float
    """Bits of the packets alone, for each second of speech."""
    wire_bps: float
    """Bits of everything that the over put on the wire, for each second of speech."""
    unsent: int = 0
    """Packets of the over that the link did not take, so that nobody heard them."""


@dataclass(frozen=True, slots=True)
class OverConfirmed:
    """The station that our over was addressed to has confirmed it."""

    over: int
    heard: int
    """Number of packets that arrived there intact."""
    packets: int
    """Number of packets that were sent."""
    station: str = ""
    """Name of the station that has confirmed."""


@dataclass(frozen=True, slots=True)
class StationPresent:
    """A station that is on the channel."""

    name: str
    """Its name, with the shortest way on which it is heard."""
    heard_ago_s: float
    """Seconds since a frame of it came."""
    confirmed: int | None = None
    """Number of packets of our last over to it that it has confirmed; None where it has confirmed nothing."""
    of_packets: int | None = None
    """Number of packets of that over."""


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """The stations that are on the channel, told when one comes, leaves, or is heard again; not of a parrot's link."""

    stations: tuple[StationPresent, ...]
    """The one that was heard last comes first."""


@dataclass(frozen=True, slots=True)
class OverBegan:
    """The over of another station is heard from now on.

    An over that begins while another is still being played has its turn after it.
    """

    over: int
    sender: str
    packets_per_frame: int
    addressee: str = ""
    """Name of the station that it is addressed to; "" addresses everybody."""


@dataclass(frozen=True, slots=True)
class OverPlayed:
    """The over of another station was played to its end, or as far as it came before this station was closed."""

    over: int
    sender: str
    packets: int
    """Number of packets that the over had, as far as is known: heard, rebuilt and lost together."""
    lost: int
    damaged: int
    duration_s: float
    complete: bool
    """False where the signal was lost before an END came, or this station was closed before all was played."""
    cut: bool = False
    """True where this station was closed before all was played."""
    rebuilt: int = 0
    """Number of packets that did not come, and were rebuilt from their coarse copies."""


@dataclass(frozen=True, slots=True)
class TextHeard:
    """A short message came."""

    sender: str
    text: str
    addressee: str = ""
    """Name of the station that it is addressed to; "" addresses everybody."""
    number: int = field(default=0, compare=False)
    """Number that its sender gave it, 0..2^24-1."""

    def __str__(self) -> str:
        """Return the line in which a command without a screen shows it."""
        return f"{self.sender} writes{f' to {self.addressee}' if self.addressee else ''}: {self.text}"


@dataclass(frozen=True, slots=True)
class TextSent:
    """A short message of ours has left for the first time."""

    number: int
    """Number that tells the message from others, 0..2^24-1."""
    addressee: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class TextConfirmed:
    """The station that a message of ours was addressed to has confirmed it."""

    number: int
    addressee: str


@dataclass(frozen=True, slots=True)
class TextUnconfirmed:
    """A message of ours that nobody has confirmed, or that could not be sent at all, is given up."""

    number: int
    addressee: str
    tries: int
    """How often it was sent."""


@dataclass(frozen=True, slots=True)
class CallHeard:
    """Another station talks after a pause, which is worth a bell. The over itself is told by OverBegan."""

    sender: str
    addressed: bool
    """True where the over is addressed to this station by name, and not to everybody."""


@dataclass(frozen=True, slots=True)
class VoxChanged:
    """Voice operation was switched on or off, or could not be."""

    on: bool
    problem: str = ""
    """One line: why voice operation could not be switched on; "" where it could."""


@dataclass(frozen=True, slots=True)
class ReplayBegan:
    """The last over, or one that was missed, is being played from its packets."""

    sender: str
    duration_s: float
    missed_at_utc_s: float | None = None
    """Time at which it was missed, UTC seconds since 1970, 0 where there was no clock; None for the last over."""
    left: int = 0
    """Number of what was missed besides, overs and messages."""


@dataclass(frozen=True, slots=True)
class ReplayEnded:
    """The replay has come to its end, or something more important came."""


@dataclass(frozen=True, slots=True)
class ReplayRefused:
    """Nothing can be played again now."""

    reason: str
    """One line for the screen: why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An over or a message is on the disk."""

    what: KeptKind
    number: int
    """Number of the over, 0..255, or of the message, 0..2^24-1."""
    direction: Direction
    name: str
    """Name of its file in the folder of past overs."""
    missed: bool
    """True where it came while nobody listened."""


@dataclass(frozen=True, slots=True)
class MissedTaken:
    """An over that was missed has been played, or a message read: it is missed no longer."""

    name: str
    """Name that its file had."""


@dataclass(frozen=True, slots=True)
class NothingMissed:
    """Nothing in the folder of past overs is missed any more."""


@dataclass(frozen=True, slots=True)
class PongHeard:
    """Another station has answered our ping."""

    token: int
    """Token of the ping, 0..2^32-1."""


@dataclass(frozen=True, slots=True)
class CodecMismatch:
    """Another station talks with another codec. Its over is not played: it would be noise."""

    sender: str
    ours: int
    theirs: int


@dataclass(frozen=True, slots=True)
class Level:
    """Loudness of the last tenth of a second, after gain or volume."""

    device: Device
    rms_db: float
    peak_db: float
    clipped: bool
    """True where samples reached full scale: the gain of the microphone is too high."""


class FrameLayer(enum.StrEnum):
    """A part of a frame, whatever carries it. The value is the word for the screen."""

    VOICE = "voice"
    COPIES = "coarse copies"
    """A layer that is told once there are any."""
    HEADER = "frame header"
    SIGNALS = "begin, end, ..."


@dataclass(frozen=True, slots=True)
class LayerRate:
    """Traffic of one layer on the wire; rates are averages over the last seconds."""

    layer: FrameLayer | str
    """Part of a frame, or the names of the link's own layers below it."""
    sent_bps: float
    received_bps: float
    sent_octets: int = 0
    """Bytes since the link was opened."""
    received_octets: int = 0


@dataclass(frozen=True, slots=True)
class WireRate:
    """Traffic on the wire now, by layer from the voice outwards. The sum is what the link carries."""

    layers: tuple[LayerRate, ...]
    carriers: tuple[str, ...] = ()
    """Names of the link's own layers below the frame, of those in transport/link_kinds.py."""
    packets_sent: int = 0
    """Number of packets of voice put on the link since the start; one sent again (`repeat=1`) counts again."""

    @property
    def sent_bps(self) -> float:
        """Rate of everything that is sent, bit/s."""
        return sum(layer.sent_bps for layer in self.layers)

    @property
    def received_bps(self) -> float:
        """Rate of everything that is received, bit/s."""
        return sum(layer.received_bps for layer in self.layers)


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """Numbers of packets from other stations since the start, told whenever one of them has changed."""

    received: int
    lost: int
    damaged: int
    late: int
    """Number of lost packets that arrived after their deadline."""
    rubbish: int
    """Number of deliveries of the link that were no frames of ours."""
    rebuilt: int = 0
    """Number of packets that did not come in time, and were rebuilt from their coarse copies."""


@dataclass(frozen=True, slots=True)
class PlayoutState:
    """State of the play-out, while an over is heard."""

    hold_s: float
    """Seconds by which the over is held back to ride out jitter."""
    waiting_s: float
    """Seconds of speech that have arrived and wait to be played."""
    signal_lost: bool
    gathering: bool = False
    """True on a link slower than speech, where the over is gathered and played after its end."""


@dataclass(frozen=True, slots=True)
class MouthToEar:
    """Delay from a sound at a microphone to the same sound at a loudspeaker, told at the end of an over.

    Where both ends share a clock (the parrot), `measured` is True: every part was timed. Elsewhere `link_s` cannot be
    known at this end: it is 0, and `total_s` goes without it.
    """

    total_s: float
    packet_s: float
    """Wait until k packets are full, and encoding."""
    link_s: float
    """Time from handing a frame to the link until the far end has it."""
    playout_s: float
    """Hold, decoding, and the codec's declared delay."""
    devices_s: float
    """Buffers of microphone and loudspeaker."""
    measured: bool


class Problem:
    """Base class of the events that tell of a fault in spite of which the station works on."""

    __slots__ = ()
    cause: str
    """The cause of the problem."""
    cure: str
    """The cure that the user can apply."""

    def __str__(self) -> str:
        return one_line(self.cause, self.cure)


@dataclass(frozen=True, slots=True)
class DeviceProblem(Problem):
    """A device is missing or was lost. The station goes on without it and keeps trying."""

    device: Device
    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class DeviceReady:
    """A device works, for the first time or again."""

    device: Device
    name: str
    rate_hz: int
    number: int | None = None
    """Number that PortAudio gives the device: several may share a name. None where PortAudio has no part in it."""


@dataclass(frozen=True, slots=True)
class LinkProblem(Problem):
    """The link tells of an error. The station goes on and keeps trying; LinkRecovered follows when it works again.

    Errors are hints: many pass in a moment, and on UDP anybody can forge them.
    """

    cause: str
    cure: str
    lasting: bool = field(default=False, compare=False)
    """True where it is told again, because errors have come for seconds and the link has not worked in between."""


@dataclass(frozen=True, slots=True)
class RecordingProblem(Problem):
    """Overs are not kept any more; the conversation goes on. Told once, until keeping them works again."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class LinkRecovered:
    """The link works again."""


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Numbers of frames refused since the start, by reason; told now and then, where one of them has changed."""

    bad_tags: int = 0
    """Number of frames that were forged, damaged, or sealed with another passphrase: these look the same."""
    replayed: int = 0
    """Number of authentic frames that were heard before, or were our own."""
    stale: int = 0
    """Number of authentic frames with a time more than a minute from ours, or from before this station's start."""
    unknown: int = 0
    """Number of frames of overs whose BEGIN was not heard."""
    foreign: int = 0
    """Number of frames in another mode, or of a later version."""
    muted: int = 0
    """Number of frames not looked at, because more came than this machine can check, or than the link takes."""


@dataclass(frozen=True, slots=True)
class ChannelProblem(Problem):
    """Another station on the channel, or the channel's protection, needs attention. Told at most once a minute."""

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
    | OverConfirmed
    | PresenceChanged
    | OverBegan
    | OverPlayed
    | TextHeard
    | TextSent
    | TextConfirmed
    | TextUnconfirmed
    | CallHeard
    | VoxChanged
    | ReplayBegan
    | ReplayEnded
    | ReplayRefused
    | Kept
    | MissedTaken
    | NothingMissed
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
