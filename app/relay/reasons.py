"""Reasons for which an over is not carried to a link, or no further, as they are reported and told."""

from __future__ import annotations

TOO_LONG = "it lasts longer than anybody may talk"
SOMEBODY_TALKS, ALREADY_THERE = "somebody was talking there", "it is there already, another relay has carried it"
NOBODY_THERE, NO_AIRTIME, NOTHING_SAID = "nobody is there", "the duty cycle leaves no airtime", "nothing was said"
LINK_FAILS, ENDING, NO_ROOM = "that link does not work now", "the relay is ending", "too much waits to be sent there"
TOO_MANY_WAIT, TOO_MANY_OVERS = "too many overs wait for it", "too many overs begin"
TOO_MANY_TEXTS = "too many messages come"
TOLD = (SOMEBODY_TALKS, NO_AIRTIME, ENDING)
"""Reasons that talkers are told; the others hold names and addresses."""
