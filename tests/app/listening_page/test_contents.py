"""The data of the listening page."""

from __future__ import annotations

from app.codecs.gossamer import Gossamer
from app.codecs.pcm import Pcm
from app.codecs.reference import CodecMissing
from app.listening_page.contents import Clip, contents
from tests.support.sentences import sentence
from transport.planning.presets import PRESETS

PERFECT = PRESETS["wifi"].other(loss=0.0, burst_frames=None, jitter_s=0.0, reorder=0.0)


def test_what_is_missing_is_named_with_the_cure() -> None:
    """A codec or a figure that cannot run is said on the page, and the rest is there."""

    class Absent(Pcm):
        def missing(self) -> CodecMissing | None:
            return CodecMissing("not installed", "apt-get install absent", title="Absent")

    told = contents(
        [Clip("a", sentence("child"))],
        [Pcm("original", "Original"), Absent("absent", "Absent")],
        [],
        lambda share: None,
    )
    assert ["original"] == [codec["key"] for codec in told["codecs"]]
    assert "Absent: not installed: apt-get install absent" in told["missing"]


def test_progress_reaches_its_end() -> None:
    """Shares that grow to 1."""
    shares: list[float] = []
    contents(
        [Clip("a", sentence("child"))],
        [Pcm("original", "Original"), Gossamer(synth="classic")],
        [PERFECT],
        shares.append,
    )
    assert sorted(shares) == shares and 1.0 == shares[-1]


def test_after_a_link_there_are_shares_and_a_strip() -> None:
    """What is lost, damaged and unheard are shares of the clip, whatever the length of a codec's frames."""
    told = contents([Clip("a", sentence("child"))], [Pcm("original", "Original")], [PERFECT], lambda share: None)
    [after] = told["clips"][0]["lanes"]["original"]["links"].values()
    assert (0.0, 0.0, 0.0, True) == tuple(after[name] for name in ("lost", "damaged", "unheard", "fits"))
    assert {"."} == set(after["strip"])
    slow = contents([Clip("a", sentence("child"))], [Pcm()], [PRESETS["afsk1200"]], lambda share: None)
    [after] = slow["clips"][0]["lanes"]["pcm"]["links"].values()
    assert not after["fits"] and 0.9 < after["lost"] + after["unheard"] <= 1
