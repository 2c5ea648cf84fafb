"""The words and columns of the lab's screen: plain functions of its picture."""

from __future__ import annotations

from textual.content import Content

from app.codecs.reference import CodecMissing
from app.errors import one_line
from app.lab.state import CapacitySnapshot, LabSnapshot, LaneSnapshot
from app.simulation.bench import SCENES, SNR_DB, Scene
from app.simulation.capacity import MOST, CapacityTrial, conversations_carried
from app.tui.widgets.ballistics import bar
from codec.format import PACKET_S
from transport.planning.presets import PRESETS, Preset
from transport.playout.jitter import MAX_HOLD_S

SCENE_WORDS = {Scene.LINK: "one link", Scene.SIGNAL: "bad signal", Scene.CONVERSATIONS: "many conversations"}
SHORT_SCENE_WORDS = {Scene.LINK: "link", Scene.SIGNAL: "signal", Scene.CONVERSATIONS: "conversations"}
WORDS = (
    ("arrives", "speech comes, and is played in its turn"),
    ("bits wrong", "it is played with wrong bits"),
    ("gap", "nothing to play: lost, or not here yet"),
    ("choked", "the link has more to carry than it can"),
    ("not yet", "not a word has come through so far"),
)
CHOKED_S = 3.0
"""Length of a queue that will not become shorter again."""
WIDE_CELLS, MIDDLE_CELLS = 76, 56
"""Least widths of a screen for the whole table, and for the table without remarks."""


def rate(bps: float) -> str:
    """Return a rate in at most 5 letters: `rate(1050) == "1050"`, `rate(133866) == "134k"`."""
    return f"{bps:.0f}" if bps < 9999.5 else f"{bps / 1000:.0f}k"


def scenes(scene: Scene, cells: int) -> Content:
    """Return the names of all scenes, the present one marked."""
    words = SCENE_WORDS if cells >= WIDE_CELLS else SHORT_SCENE_WORDS
    return Content.assemble(
        *((f" {words[name]} ", "bold $background on $primary" if name is scene else "$label") for name in SCENES)
    )


def source(picture: LabSnapshot) -> str:
    """Return who speaks, and how loud it is heard."""
    volume = "muted" if picture.muted else f"{picture.volume * 100:.0f} %"
    return f"{'microphone' if picture.live else 'clip'}  ♪ {volume}"


def link_words(preset: Preset) -> Content:
    """Return the name of a link and its figures."""
    bad = preset.impairment
    figures = [f"{bad.rate_bps:g} bit/s" if bad.rate_bps else "no limit of rate"]
    figures += [f"{100 * bad.loss:.3g} % lost"] if bad.loss else []
    figures += [f"{100 * bad.ber:.3g} % of bits wrong"] if bad.ber else []
    figures += [f"{1000 * bad.delay_s:.0f} ms late"] if bad.delay_s else []
    figures += [f"jitter {1000 * bad.jitter_s:.0f} ms"] if bad.jitter_s else []
    return Content.assemble(("← ", "$secondary"), (preset.title, "bold"), (" →  ", "$secondary"), ", ".join(figures))


def signal_words(snr_db: float, cells: int) -> Content:
    """Return the slider of the signal."""
    low, high = SNR_DB
    told = f" {snr_db:3.0f} dB in 2.5 kHz"
    room = max(4, cells - len(told) - len("signal ← →") - 1)
    drawn = bar((snr_db - low) / (high - low), room).replace(" ", "·")
    return Content.assemble("signal ", ("← ", "$secondary"), (drawn, "$warning"), (" →", "$secondary"), (told, "bold"))


def says(picture: LabSnapshot) -> str:
    """Return what the scene is, in a line."""
    if picture.scene is Scene.SIGNAL:
        return "A radio with the same power for every lane, each at the rate of its own frames; non-coherent FSK."
    if picture.scene is Scene.CONVERSATIONS:
        return "All talk at once over the one link, one more at a time, until one breaks."
    return picture.preset.says if picture.preset.name in PRESETS else "A link of your own, as it is or as it may be."


def headings(scene: Scene, cells: int) -> str:
    """Return the headings over the lanes' figures."""
    last = "bits wrong" if scene is Scene.SIGNAL else "queue"
    if cells >= WIDE_CELLS:
        return f"{'':20}{'asked bit/s':>11}{'got bit/s':>11}{last:>11}{'delay':>8}{'lost':>7}"
    if cells >= MIDDLE_CELLS:
        return f"{'bit/s':18}{'asked':>7}{'got':>7}{last:>11}{'delay':>7}{'lost':>6}"
    return f"{'bit/s':15}{'ask':>5}{'got':>5}{'bits' if scene is Scene.SIGNAL else 'wait':>5}{'late':>5}{'lost':>5}"


def figures(lane: LaneSnapshot, number: int, heard: bool, cells: int) -> Content:
    """Return the row of a lane."""
    marker, style = ("♪", "bold $primary") if heard else (" ", "bold")
    title = lane.codec.title
    if lane.missing is not None or lane.reading is None:
        return Content.assemble((f"{marker}{number} {title}", style))
    reading = lane.reading
    last = error_rate(lane.ber) if lane.ber is not None else f"{reading.queue_s:.1f} s"
    delay = "–" if reading.delay_s is None else f"{reading.delay_s:.1f} s"
    lost = f"{reading.lost:.0%}".replace("%", " %")
    asked, got = rate(reading.asked_bps), rate(reading.got_bps)
    word, colour = state(lane)
    if cells >= WIDE_CELLS:
        row = f"{asked:>11}{got:>11}{last:>11}{delay:>8}{lost:>7}  "
        return Content.assemble((f"{marker}{number} {title:17}", style), row, (word, colour))
    if cells >= MIDDLE_CELLS:
        row = f"{asked:>7}{got:>7}{last:>11}{delay:>7}{lost:>6}"
        return Content.assemble((f"{marker}{number} {title:15.15}", style), (row, colour))
    short = title.replace("Gossamer", "Goss.") if len(title) > 12 else title
    row = "".join(f"{cell.removesuffix(' s').replace(' ', ''):>5}" for cell in (asked, got, last, delay, lost))
    return Content.assemble((f"{marker}{number} {short:12}", style), (row, colour))


def error_rate(ber: float) -> str:
    """Return a share of wrong bits in words: `error_rate(0.02) == "2 %"`, `error_rate(8e-9) == "8e-09"`."""
    return f"{ber:.0e}" if 0 < ber < 1e-4 else f"{100 * ber:.2g} %"


def missing_words(missing: CodecMissing, cells: int) -> str:
    """Return what is missing and the command that installs it; the command alone where there is no room."""
    words = one_line(missing.reason, missing.cure)
    return words if len(words) <= cells else missing.cure


def state(lane: LaneSnapshot) -> tuple[str, str]:
    """Return in one word how a lane stands, and the colour of the word."""
    reading = lane.reading
    if reading is None or (reading.delay_s is None and reading.queue_s < CHOKED_S):
        return "not yet", "$label"
    if reading.queue_s >= CHOKED_S:
        return "choked", "$error"
    if not reading.sounding:
        return "gap", "$warning"
    damaged = bool(lane.levels) and lane.levels[-1].damaged
    return ("bits wrong", "$warning") if damaged else ("arrives", "$primary")


def crowd_words(crowd: CapacitySnapshot, preset: Preset, cells: int, brief: bool) -> Content:
    """Return one codec's conversations, a mark for each, and why there are no more. brief: in one row."""
    title = (f" {crowd.codec.title:14}", "bold")
    if crowd.missing is not None:
        words = missing_words(crowd.missing, cells - 20)
        return Content.assemble(title, (f" {words}", "$warning"))
    if crowd.last is None:
        return Content.assemble(title, (" waits for its turn", "$label"))
    last = crowd.last
    whole = last.streams - bool(last.broken)
    count = f"{whole} …"
    if crowd.done:
        fit = conversations_carried(last, preset)
        count = "no limit" if fit is None else f"{fit}{'+' if fit == MOST else ''} at once"
    room = max(1, cells - (27 if brief else 4))
    marks = (("●" * min(whole, room), "$primary"), ("✗" if last.broken else "", "$error"))
    if brief:
        return Content.assemble(title, (f" {count:9} ", "bold"), *marks)
    return Content("\n").join(
        [
            Content.assemble(title, (f" {count}", "bold")),
            Content.assemble("  ", *marks),
            Content.styled(f"  {_why(last, preset, cells)}", "$label"),
        ]
    )


def _why(last: CapacityTrial, preset: Preset, cells: int) -> str:
    """Return what the newest try showed."""
    if preset.impairment.rate_bps is None:
        return "this link's rate has no limit here"
    worst_s = f"{last.worst_wait_s:.2f} s"
    if not last.broken:
        return f"a frame waits up to {worst_s} for the others"
    patience_s = f"{max(MAX_HOLD_S, preset.k * PACKET_S):.2f} s"
    if cells < WIDE_CELLS:
        return f"{last.streams}: {worst_s} to wait, {patience_s} bridged"
    who = "alone, a frame" if last.streams == 1 else f"with {last.streams}, a frame"
    return f"{who} waits up to {worst_s} for the link, and {patience_s} can be bridged"


def notes(picture: LabSnapshot, cells: int) -> str:
    """Return what has to be known now, in a line each."""
    lines = [str(trouble) for trouble in picture.troubles]
    if picture.live:
        silent = any(trouble.device == "microphone" for trouble in picture.troubles)
        lines.append("the clip speaks instead" if silent else "use headphones: the microphone hears the loudspeaker")
    if picture.load is not None:
        words = "too slow for real time: sound has gaps"
        if cells >= WIDE_CELLS:
            words += f", figures are right ({picture.load:.1f} s a second)"
        lines.append(words)
    return "\n".join(lines)


def keys(scene: Scene, cells: int) -> str:
    """Return the row at the bottom."""
    middle = "←→ signal" if scene is Scene.SIGNAL else "←→ link"
    hear = "" if scene is Scene.CONVERSATIONS else f"1-{6 if scene is Scene.SIGNAL else 5} hear  "
    if cells < WIDE_CELLS:
        return f"{hear}{middle}  tab scene  ? keys" + ("  q leave" if cells >= MIDDLE_CELLS else "")
    own = "  o your own" if scene is not Scene.SIGNAL else ""
    return f"{hear}{middle}{own}  tab scene  i mic/clip  m mute  ? keys  q leave"
