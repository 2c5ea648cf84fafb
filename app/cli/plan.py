"""`gossamer plan LINK` or `--radio NAME`: what a link can carry, everything counted. Without: the known radios."""

from __future__ import annotations

import argparse
import math
from typing import Any

from app.cli.options import add_json
from app.console import say
from app.errors import GossamerError
from app.station.invitation import waits_for_callers
from app.texts import counted
from transport.address import Address, parse_address
from transport.planning.callers import callers_carried
from transport.planning.planner import MAX_SHARE, PlanRow, budget, choose_k, chosen, link_model, plan, what_would
from transport.radio.radios import RADIOS


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK", nargs="?", help="any link; rate=BIT/S says how fast an IP path is")
    parser.add_argument("--radio", metavar="RADIO", help="a radio that `gossamer plan` lists")
    parser.add_argument("--duty", metavar="SHARE", help="share of the time that you may be on air, such as 10%% or 0.1")
    parser.add_argument("--sealed", action="store_true", help="count the tag of a sealed or ham channel")
    add_json(parser)
    parser.set_defaults(run=run_plan)


def run_plan(arguments: argparse.Namespace) -> int:
    """Print the plan of a link. Raises GossamerError for one that carries no speech, LinkError."""
    if arguments.link is None and arguments.radio is None:
        if arguments.sealed or arguments.duty is not None:
            flag = "--sealed" if arguments.sealed else "--duty"
            raise GossamerError(f"{flag} is for the plan of a link", "name a LINK, or --radio RADIO")
        return say({"radios": [_radio_facts(name) for name in RADIOS]}, _radio_list(), as_json=arguments.json)
    address = parse_address(_link(arguments.link, arguments.radio))
    duty = _duty(arguments.duty)
    rows = plan(address, sealed=arguments.sealed, duty=duty)
    best = chosen(rows)
    refusal = "" if best is not None else _refusal(address, rows)
    facts = {
        "link": address.text,
        "radio": _radio_facts(address.radio.name) if address.radio is not None else None,
        "sealed": arguments.sealed,
        "rows": rows,
        "k": best.k if best is not None else None,
        "k_of_the_address": address.k,
        "k_used": choose_k(address, sealed=arguments.sealed),
        "callers": callers_carried(address) if waits_for_callers(address) else None,
        "refused": refusal or None,
    }
    say(facts, _report(address, rows, best, duty, arguments.sealed), as_json=arguments.json)
    if refusal:
        raise GossamerError(refusal)
    return 0


def _link(link: str | None, radio: str | None) -> str:
    if radio is not None and radio not in RADIOS:
        raise GossamerError(f"'{radio}' is no radio that is known here", f"there are {', '.join(RADIOS)}")
    if link is None:
        assert radio is not None
        return RADIOS[radio].link
    if radio is None:
        return link
    return f"{link}{'&' if '?' in link else '?'}radio={radio}"


def _duty(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise GossamerError(f"--duty {text}", "it must be a share of time such as 10% or 0.1")
    return share


def _radio_facts(name: str) -> dict[str, Any]:
    radio = RADIOS[name]
    facts: dict[str, Any] = {"name": name, "title": radio.title, "link": radio.link}
    return facts | {"duty": radio.duty, "source": radio.source}


def _radio_list() -> str:
    width = max(map(len, RADIOS))
    lines = [f"{name:<{width}}  {radio.title}\n{'':<{width}}  {radio.link}" for name, radio in RADIOS.items()]
    return "\n".join([*lines, "", "None of them was tried on the air. `gossamer plan --radio NAME` has the figures."])


def _report(address: Address[Any], rows: list[PlanRow], best: PlanRow | None, duty: float | None, sealed: bool) -> str:
    link = link_model(address)
    endless = not any(row.share for row in rows)
    limit = duty if duty is not None else link.duty
    lines = [address.text]
    if address.radio is not None:
        lines += [f"{address.radio.title} ({address.radio.source})"]
    keying = link.way.keying
    if keying.on_air_s:
        lines.append(
            f"Keyed for every frame: TXDELAY {1000 * keying.tx_delay_s:.0f} ms, TXTAIL {1000 * keying.tx_tail_s:.0f} "
            f"ms, a mean wait for the channel of {1000 * keying.access_s:.0f} ms."
        )
    minutes = f"speech an hour at {limit:.3g} of it on air" if limit is not None else ""
    lines += ["", f"  k   share   wire bit/s   frame on air   mouth to ear   over 6 kbit/s   {minutes}".rstrip()]
    for row in rows:
        share = "  ?   " if endless else f"{row.share:6.1%}"
        hour = "" if row.speech_min_an_hour is None else f"{row.speech_min_an_hour:8.1f} min"
        mark = "*" if row is best else "-" if not row.fits else " "
        lines.append(
            f"{mark} {row.k}  {share:>6}   {row.wire_bps:10.0f}   {row.frame_s:10.2f} s   {row.mouth_to_ear_s:10.2f} s"
            f"   {row.margin_db:+10.1f} dB   {hour}".rstrip()
        )
    lines.append("")
    if endless:
        lines.append("How fast this path is nobody knows: add ?rate=BIT/S to plan for it.")
    if best is not None:
        lines.append(f"* k={best.k}: the least delay at no more than {MAX_SHARE:.0%} of the link; - does not fit.")
    if waits_for_callers(address):
        served = counted(callers_carried(address), "caller")
        lines.append(f"As a waiting end it serves {served}: each takes a copy of every frame.")
    if address.k is not None:
        fits = next((row.fits for row in rows if row.k == address.k), False)
        lines.append(f"The address says k={address.k}, and that is taken: it {'fits' if fits else 'does not fit'}.")
    other = budget(link, 1, sealed=not sealed, repeat=address.repeat).wire_bps - rows[0].wire_bps
    word = "Sealed" if not sealed else "Open"
    lines.append(f"{word}: {f'{other:+.0f} bit/s at k=1' if round(other) else 'the same'}.")
    return "\n".join(lines)


def _refusal(address: Address[Any], rows: list[PlanRow]) -> str:
    least = min((row for row in rows if not row.too_long), key=lambda row: row.share)
    ways = "; or ".join(what_would(address, rows))
    return (
        f"{address.text} carries no speech: at its best (k={least.k}) it would be busy {least.share:.0%} of the time. "
        f"What would: {ways}"
    )
