"""The settings of a station: one frozen value, built once from flags and file, and passed down.

A setting is one field below, with its default, its flag, what is allowed and which commands use it. The command line
(app/cli/options.py) and the file (app/settings/file.py) are made from these fields. A value is checked once, where it
comes in from outside (`Option.value_of`); whoever has Settings in hand need not check again.
"""

from __future__ import annotations

import dataclasses
import getpass
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import GossamerError
from transport.protection.cipher import KEY_VERSION
from transport.protocol.frames import MAX_K, MAX_NAME_BYTES, Mode
from transport.protocol.relaying import AND, VIA
from transport.texts import is_plain

Synth = str
"""Name of a synthesiser: "neural", "classic", or the path of a vocoder of one's own, FILE.onnx."""
SaysPresence = Literal["auto", "on", "off"]
"""Links on which a station says that it is there: IP alone, radios too, or none."""

DEFAULT_CHANNEL = "gossamer"
"""Name of a sealed channel that was given none."""
PARROT_LINK = "parrot://?rate=1200"
"""Address of the embedded station (app/station/parrot.py), behind a simulated link as thin as a packet radio's."""

TALK, STATION, SEND, TEXT, FIELD_TEST = "talk", "station", "send", "text", "field-test"
TALKERS = (TALK, STATION, SEND, TEXT, FIELD_TEST)
LISTEN, DEMO = "listen", "demo"
"""Names of the commands that open a station; TALKERS are those that say something of their own over a link."""
WHO = "who"
"""Name of the command that looks who is on a channel."""
LAB = "lab"
"""Name of the command that opens sound devices and no station."""

NAME_LENGTH = f"1 to {MAX_NAME_BYTES} bytes of printable text"
"""Condition on every name that the wire carries, in words that follow "must be"."""
MAX_CHANNEL_LETTERS = 64
"""Longest name of a channel, in letters; the user types it, and the key is derived from it."""


@dataclass(frozen=True, slots=True)
class Option:
    """The way to give a setting, on the command line and in the file."""

    flag: str
    """The flag; empty where the command line has its own way to say it."""
    metavar: str
    help: str
    allowed: str
    """The allowed values, in words that follow "must be"."""
    read: Callable[[Any], Any]
    """Turns what was given (a string from a flag, any TOML value from the file) into the field's value.

    Raises ValueError, TypeError or OverflowError for what is not allowed.
    """
    used_by: tuple[str, ...]
    """The commands that take the flag."""
    is_switch: bool = False
    """True for a pair of flags, --flag and --no-flag."""

    def value_of(self, given: Any, said: str, problem: type[GossamerError] = GossamerError) -> Any:
        """Return the field's value for what was given. Raises `problem` for what is not allowed.

        said: the setting as the user wrote it, for the message, such as "--volume 3".
        """
        try:
            return self.read(given)
        except (ValueError, TypeError, OverflowError):
            raise problem(said, f"it must be {self.allowed}") from None


def default_name() -> str:
    """Return the login name, as far as it can be a station's name, or "somebody"."""
    try:
        name = getpass.getuser().encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    except (OSError, KeyError, ImportError, UnicodeError):  # a container without a user database
        return "somebody"
    try:
        return _own_name(name)
    except ValueError:
        return "somebody"


# --- what is allowed ---------------------------------------------------------------------------------------------


def _number(least: float, most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool):
            raise TypeError
        number = float(value)
        if not (math.isfinite(number) and least <= number <= most):
            raise ValueError
        return number

    return read


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not least <= int(value) <= most or int(value) != float(value):
            raise ValueError
        return int(value)

    return read


def _packets_per_frame(value: Any) -> int:
    return 0 if value == "auto" else _whole(0, MAX_K)(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _mode(value: Any) -> Mode | None:
    """Return a mode by its word; "" stands in a file, which has no word for nothing."""
    return None if value == "" else Mode.of_word(value)


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return read


def read_synth(value: Any) -> Synth:
    """Return the name of a synthesiser: neural, classic or FILE.onnx. Raises ValueError for anything else."""
    return _text(value) if isinstance(value, str) and value.endswith(".onnx") else _one_of("neural", "classic")(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not is_plain(value):
        raise ValueError
    return value


def _station_name(value: Any) -> str:
    if not _text(value) or len(value.encode()) > MAX_NAME_BYTES:
        raise ValueError
    return str(value)


def _own_name(value: Any) -> str:
    """Return the name of this station or relay, which can be told from the way that relays add to a name."""
    name = _station_name(value)
    if AND in name or VIA.strip() in name.split():
        raise ValueError
    return name


def _channel_name(value: Any) -> str:
    if not _text(value) or len(value) > MAX_CHANNEL_LETTERS:
        raise ValueError
    return str(value)


def _addressee(value: Any) -> str:
    return _station_name(value) if value else _text(value)


def _device(value: Any) -> str | None:
    """Return a device's name or number; the default device is None, and "" in a file, which has no word for nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value is None else _text(value) or None


def _setting(
    default: Any,
    flag: str,
    what: str,
    allowed: str,
    read: Callable[[Any], Any],
    used_by: tuple[str, ...] = (TALK, STATION),
    metavar: str = "",
) -> Any:
    """Return a field of Settings.

    default: a value, or a function that makes one. what: the flag's line in the help. allowed: in words that follow
    "must be".
    """
    option = Option(flag, metavar, what, allowed, read, used_by, is_switch=read is _switch)
    if callable(default):
        return dataclasses.field(default_factory=default, metadata={"option": option})
    return dataclasses.field(default=default, metadata={"option": option})


@dataclass(frozen=True)
class Settings:
    """The settings of a station. What changes while it runs (volume, gain, devices) starts here."""

    link: str = _setting(PARROT_LINK, "", "the link that `gossamer` alone opens", "the address of a link", _text, ())
    """Address of the link, as `transport.address.parse_address` reads it."""

    name: str = _setting(
        default_name,
        "--name",
        "what the others see when you talk (the login name)",
        f"{NAME_LENGTH} without '{AND}' or the word {VIA.strip()}",
        _own_name,
        (*TALKERS, LISTEN, DEMO, WHO),
        "NAME",
    )
    """Name that the others see when this station talks."""

    addressee: str = _setting(
        "",
        "--to",
        "the station that is asked to confirm your overs (the only other one)",
        f"the name of a station, at most {MAX_NAME_BYTES} bytes",
        _addressee,
        TALKERS,
        "NAME",
    )
    """Station that overs are addressed to: everybody hears them, this one answers with a receipt.

    Empty: the only other station that is there, and everybody while that is not one.
    """

    mode: Mode | None = _setting(  # noqa: RUF009 - it makes a field, as dataclasses.field does
        None,
        "--mode",
        "open, sealed or ham (sealed with a passphrase, open without)",
        "open, sealed or ham",
        _mode,
        (*TALKERS, LISTEN, DEMO, WHO),
        "open|sealed|ham",
    )
    """Protection of the channel's frames. None: sealed if there is a passphrase, else open."""

    channel: str = _setting(
        DEFAULT_CHANNEL,
        "--channel",
        "name of a sealed channel: another name, another key (gossamer)",
        f"1 to {MAX_CHANNEL_LETTERS} letters of printable text",
        _channel_name,
        (*TALKERS, LISTEN, DEMO, WHO),
        "NAME",
    )
    """Name that goes into the key beside the passphrase: who shares a passphrase and not this hears nothing."""

    passphrase_file: str = _setting(
        "",
        "--passphrase-file",
        "its first line is the passphrase of a sealed channel",
        "the path of a file",
        _text,
        (*TALKERS, LISTEN, DEMO, WHO),
        "FILE",
    )
    """File that holds the passphrase, read by app/settings/passphrase.py. Empty: there is none."""

    passphrase: str | None = dataclasses.field(default=None, repr=False)
    """Passphrase that the stations of a sealed or ham channel share; None: an open one.

    No flag and no line of the settings file says it, lest it be seen in the list of processes or copied with the file.
    """

    broker_passwords: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)
    """Passwords of users of brokers, each behind "USER@HOST", which it is for alone (app/settings/broker.py).

    No flag says one, for the same reason.
    """

    ca: str = _setting(
        "",
        "--ca",
        "for mqtts://: trust these certificates in place of the system's",
        "the path of a file",
        _text,
        (*TALKERS, LISTEN, WHO),
        "FILE",
    )
    """File with the certificates that a broker's must lead to; empty: the system's. An address that says ca= wins."""

    key_version: int = KEY_VERSION
    """Derivation of the key from the passphrase; an older one only where an old capture is heard again."""

    synth: Synth = _setting(  # noqa: RUF009 - likewise
        "neural",
        "--synth",
        "rebuild speech with the network, without one, or with a voice's own (neural)",
        "neural, classic, or the path of a vocoder, FILE.onnx",
        read_synth,
        (*TALKERS, LISTEN, DEMO),
        "neural|classic|FILE.onnx",
    )
    """Synthesiser that turns features into sound: the vocoder network, the one without a network, or a vocoder.onnx."""

    model: str = _setting(
        "standard",
        "--model",
        "the networks in float32, or in 8-bit numbers: smaller, faster, a trifle rougher (standard)",
        "standard or small",
        _one_of("standard", "small"),
        (*TALKERS, LISTEN, DEMO),
        "standard|small",
    )
    """Set of models that codes and decodes; either of the two understands what the other sends."""

    microphone: str | None = _setting(
        None,
        "--microphone",
        "number or part of the name (`gossamer devices`)",
        "a device's number or part of its name",
        _device,
        (TALK, STATION, SEND, LAB),
        "DEVICE",
    )
    """Name, or part of it, or number of the input device; None is the system's default."""

    loudspeaker: str | None = _setting(
        None,
        "--loudspeaker",
        "number or part of the name (`gossamer devices`)",
        "a device's number or part of its name",
        _device,
        (TALK, STATION, LISTEN, LAB),
        "DEVICE",
    )
    """Name, or part of it, or number of the output device; None is the system's default."""

    volume: float = _setting(
        1.0,
        "--volume",
        "volume of the loudspeaker (1)",
        "a number from 0 to 1",
        _number(0.0, 1.0),
        (TALK, STATION, LISTEN, LAB),
        "0..1",
    )
    """Volume of the loudspeaker, 0..1, linear in amplitude."""

    muted: bool = _setting(
        False, "--muted", "start with the loudspeaker off", "true or false", _switch, (TALK, STATION, LAB)
    )
    """True while the loudspeaker is off; the volume is not forgotten."""

    gain_db: float = _setting(
        0.0,
        "--gain",
        "microphone gain, -20 to 30 (0)",
        "a number of dB from -20 to 30",
        _number(-20.0, 30.0),
        (TALK, STATION, SEND, LAB),
        "DB",
    )
    """Gain of the microphone, -20..+30 dB; what then exceeds full scale is clipped, and shown."""

    packets_per_frame: int = _setting(
        0,
        "--packets-per-frame",
        "packets of 0.32 s in a frame: with more of them you wait longer and the link carries less (auto)",
        f"a whole number from 1 to {MAX_K}, or auto",
        _packets_per_frame,
        (TALK, STATION, SEND, FIELD_TEST, DEMO),
        f"1..{MAX_K}|auto",
    )
    """k: packets of 320 ms that share one frame's overhead, 1..6; 0 ("auto"): as few as the link carries.

    transport/planning/planner.py says how many that is. An address that says k= wins."""

    permit_tone: bool = _setting(True, "--permit-tone", "beep when you may speak (on)", "true or false", _switch)
    """True to beep in one's own loudspeaker when the floor is granted."""

    courtesy_tone: bool = _setting(
        True, "--courtesy-tone", "beep when somebody's over has ended (on)", "true or false", _switch
    )
    """True to beep in one's own loudspeaker when somebody's over was played to its end: your turn."""

    call_tone: bool = _setting(
        True, "--call-tone", "ring when somebody calls after a pause (on)", "true or false", _switch
    )
    """True to ring in one's own loudspeaker when an over comes in after the channel was quiet for a while."""

    bell: bool = _setting(
        True, "--bell", "ring the terminal's bell for such a call, too (on)", "true or false", _switch, (TALK,)
    )
    """True to ring the terminal's bell at the same moment."""

    title_flash: bool = _setting(
        True,
        "--title-flash",
        "show calls and what was missed in the terminal's title (on)",
        "true or false",
        _switch,
        (TALK,),
    )
    """True to have the terminal's title say who calls, blinking, until the over has ended, and how much was missed."""

    notify: bool = _setting(
        True,
        "--notify",
        "tell of calls and of what was missed on the desktop, while you look elsewhere (on)",
        "true or false",
        _switch,
        (TALK,),
    )
    """True to show a notification on the desktop, where there is one, of calls and missed overs: names and numbers."""

    clip: bool = _setting(
        False, "--clip", "speak a recorded clip where there is no microphone (off)", "true or false", _switch
    )
    """True to speak a bundled clip where there is no microphone. A parrot, which nobody else hears, always gets one."""

    vox: bool = _setting(False, "--vox", "talk by voice, without a key (off)", "true or false", _switch)
    """Voice operation: an over begins when somebody speaks into the microphone, and ends when they stop."""

    vox_hang_s: float = _setting(
        0.8,
        "--vox-hang",
        "seconds of silence that end an over by voice, 0.2 to 5 (0.8)",
        "a number of seconds from 0.2 to 5",
        _number(0.2, 5.0),
        (TALK, STATION),
        "S",
    )
    """Longest pause in speech that does not end an over by voice, 0.2..5 s."""

    pre_roll_s: float = _setting(
        0.2,
        "--pre-roll",
        "seconds from before the key that are sent too, 0 to 1 (0.2)",
        "a number of seconds from 0 to 1",
        _number(0.0, 1.0),
        (TALK, STATION, SEND),
        "S",
    )
    """Sound from before the key that is sent too, 0..1 s, so that no first syllable is cut."""

    time_out_s: float = _setting(
        120.0,
        "--time-out",
        "longest over in seconds, 1 to 3600 (120)",
        "a number of seconds from 1 to 3600",
        _number(1.0, 3600.0),
        (TALK, STATION),
        "S",
    )
    """Longest over, 1..3600 s; then the floor is let go."""

    record: bool = _setting(
        True,
        "--record",
        "keep past overs on this machine (on; app/docs/past-overs.md)",
        "true or false",
        _switch,
        (TALK, STATION, SEND, FIELD_TEST, LISTEN),
    )
    """True to keep overs as packets, and all frames in a journal, in app.paths.recordings_folder, for this user."""

    record_limit_mb: float = _setting(
        64.0,
        "--record-limit",
        "megabytes that past overs may take; then the oldest goes (64)",
        "a number from 1 to 1000000",
        _number(1.0, 1e6),
        (TALK, STATION, SEND, LISTEN),
        "MB",
    )
    """Most that past overs may take, 1..1000000 MB: an hour of speech is 0.36, the journal of its frames 1.5."""

    presence: SaysPresence = _setting(  # noqa: RUF009 - likewise
        "auto",
        "--presence",
        "tell the others that this station is here: auto (on IP, not on radios), on, off",
        "auto, on or off",
        _one_of("auto", "on", "off"),
        (*TALKERS, LISTEN, WHO),
        "auto|on|off",
    )
    """Whether this station sends BEACONs: "auto" on IP alone, "on" on radios too, at 1 % of the airtime, or "off"."""

    station: str = _setting(
        "",
        "--station",
        "what `gossamer ptt --station` calls this one (the name)",
        f"at most {MAX_NAME_BYTES} bytes of printable text",
        _addressee,
        (TALK, STATION, SEND),
        "NAME",
    )
    """Name of the control socket (app/station/control_socket.py); empty: the station's name."""


OPTIONS: dict[str, Option] = {
    field.name: field.metadata["option"] for field in dataclasses.fields(Settings) if "option" in field.metadata
}
"""All options by the name of their field, which is the key in the file."""
