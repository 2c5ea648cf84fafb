"""Reports of a relay: facts, in the order in which they happened, which become lines of JSON or of the log.

app/docs/relay.md has the same table in prose; a test compares the two. Links are named by their addresses.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from app.events import Problem
from app.texts import counted
from codec.format import PACKET_S
from transport.protocol.floor_states import State
from transport.protocol.frames import Mode


@dataclass(frozen=True, slots=True)
class RelayedLink:
    """A link of the relay."""

    link: str
    packets_per_frame: int
    fingerprint: str = ""
    """Three words that tell the channel's key from others; "" for the open channel."""


@dataclass(frozen=True, slots=True)
class RelayReady:
    """All links are open."""

    name: str
    mode: Mode
    links: tuple[RelayedLink, ...]


@dataclass(frozen=True, slots=True)
class OverRelayed:
    """An over was carried to another link, whole or as far as it came."""

    sender: str
    source: str
    """Link from which it came."""
    link: str
    """Link to which it was carried."""
    packets: int
    lost: int
    """Number of packets of it that had not come, or found no room on that link."""
    waited_s: float
    """Time that it waited for that link, in seconds."""
    complete: bool
    """False where its end did not come, or was not carried."""


@dataclass(frozen=True, slots=True)
class OverWaits:
    """An over waits, because somebody talks on the link to which it is to be carried."""

    sender: str
    source: str
    link: str


@dataclass(frozen=True, slots=True)
class OverNotRelayed:
    """An over, or the rest of it, is not carried to this link."""

    sender: str
    source: str
    link: str
    reason: str
    """One line: why."""


@dataclass(frozen=True, slots=True)
class TextRelayed:
    """A short message was carried to another link, which has taken it."""

    sender: str
    source: str
    link: str


@dataclass(frozen=True, slots=True)
class TextNotRelayed:
    """A short message is not carried to this link."""

    sender: str
    source: str
    link: str
    reason: str
    """One line: why."""


@dataclass(frozen=True, slots=True)
class RelayProblem(Problem):
    """A link does not work, or something on it needs attention. The relay goes on."""

    link: str
    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class RelayRecovered:
    """A link works again."""

    link: str


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """Figures of one link since the start."""

    link: str
    ready: bool
    """Whether there is somebody to send to, as far as the link can tell."""
    state: State
    """State of the floor."""
    heard: int
    """Number of overs that were heard here."""
    relayed: int
    """Number of overs that were carried here, from all other links."""
    not_relayed: int
    waiting: int
    """Number of overs that are being carried here, or wait for it."""
    sent_octets: int
    """Bytes on the wire, everything counted."""
    received_octets: int
    refused: int
    """Number of frames that the channel refused."""
    dropped: int
    """Number of frames that were dropped: nobody speaks so fast as they came, or no room was left to send them."""
    airtime_left_s: float | None
    """Airtime that the duty cycle leaves in this hour, in seconds; None where there is none."""


@dataclass(frozen=True, slots=True)
class RelayFigures:
    """Figures of all links, told now and then, where one has changed."""

    links: tuple[LinkFigures, ...]


@dataclass(frozen=True, slots=True)
class RelayClosed:
    """The relay has ended in order: the last report."""


RelayReport = (
    RelayReady
    | OverRelayed
    | OverWaits
    | OverNotRelayed
    | TextRelayed
    | TextNotRelayed
    | RelayProblem
    | RelayRecovered
    | RelayFigures
    | RelayClosed
)
"""Everything that a relay reports."""


def report_words(report: RelayReport) -> tuple[int, str]:
    """Return the level at which a report is logged, and its line."""
    match report:
        case RelayReady(name, mode, links):
            joined = ", ".join(f"{one.link} (k={one.packets_per_frame})" for one in links)
            return logging.INFO, f"{name} relays between {joined}, {mode.word}"
        case OverRelayed(sender, source, link, packets, lost, waited_s, complete):
            words = f"{sender or 'somebody'}: {packets * PACKET_S:.1f} s from {source} to {link}"
            words += f", {counted(lost, 'packet')} missing" if lost else ""
            words += f", {waited_s:.1f} s late" if waited_s >= 1.0 else ""
            return logging.INFO, words + ("" if complete else ", cut off")
        case OverWaits(sender, source, link):
            return logging.INFO, f"{sender or 'somebody'} on {source} waits: somebody talks on {link}"
        case OverNotRelayed(sender, source, link, reason):
            return logging.WARNING, f"{sender or 'somebody'} on {source} is not carried to {link}: {reason}"
        case TextRelayed(sender, source, link):
            return logging.INFO, f"{sender or 'somebody'}: a message from {source} to {link}"
        case TextNotRelayed(sender, source, link, reason):
            return logging.WARNING, f"{sender or 'somebody'} on {source}: a message is not carried to {link}: {reason}"
        case RelayProblem(link=link):
            return logging.WARNING, f"{link}: {report}"
        case RelayRecovered(link):
            return logging.INFO, f"{link} works again"
        case RelayFigures(links):
            figures = "; ".join(f"{one.link} {one.state.value}, {one.relayed} carried here" for one in links)
            return logging.DEBUG, figures
        case RelayClosed():
            return logging.INFO, "the relay has ended"
