"""The results as Markdown for people."""

from __future__ import annotations

from codec.format import SAMPLE_RATE_HZ

from .bootstrap import Interval
from .lanes import Lane
from .metrics import Metric
from .report_speed import speed_tables
from .results import Results, groups_of, table
from .robustness import CLEAN
from .study import Study, difference, summary


def verdict(interval: Interval, higher_is_better: bool) -> str:
    """ahead, behind, or level where the interval holds zero."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    return "ahead" if low > 0 else "behind" if high < 0 else "level"


def _written(interval: Interval, decimals: int, sign: str = "") -> str:
    mean, low, high = (f"{value:{sign}.{decimals}f}" for value in interval)
    return f"{mean} ({low} to {high})"


def _rate(bps: float) -> str:
    return "-" if bps == 0 else f"{bps:.0f}"


def _columns(results: Results) -> list[tuple[Study, Metric]]:
    """Words first: they decide."""
    columns = [(study, metric) for study in results.studies for metric in study.metrics]
    return sorted(columns, key=lambda column: column[1].key != "words")


def _lanes(results: Results) -> list[Lane]:
    """Each lane once, in the order of the first study."""
    return list({result.lane.key: result.lane for study in results.studies for result in study.lanes}.values())


def _quality(results: Results) -> str:
    rows = []
    for lane in _lanes(results):
        found = next(result for study in results.studies if (result := study.find(lane.key)) is not None)
        row = [lane.title, _rate(found.rate_bps), _rate(found.wire_rate_bps)]
        for study, metric in _columns(results):
            result = study.find(lane.key)
            row.append("-" if result is None else _written(summary(result, metric, study.clips), metric.decimals))
        rows.append([*row, f"{1000 * found.delay / SAMPLE_RATE_HZ:.1f}"])
    titles = [metric.title for _, metric in _columns(results)]
    return table(["codec", "bit/s", "in whole bytes", *titles, "delay found, ms"], rows)


def _against(results: Results) -> str:
    parts = []
    for ours in (lane for lane in _lanes(results) if lane.ours):
        rows = []
        for other in (lane for lane in _lanes(results) if lane.key != ours.key):
            row = [other.title]
            for study, metric in _columns(results):
                left, right = study.find(ours.key), study.find(other.key)
                if left is None or right is None:
                    row.append("-")
                    continue
                interval = difference(left, right, metric, study.clips)
                sure = verdict(interval, metric.higher_is_better)
                row.append(f"{_written(interval, metric.decimals, '+')} {sure}")
            rows.append(row)
        parts.append(table([f"{ours.title} minus", *(metric.title for _, metric in _columns(results))], rows))
    return "\n".join(parts)


def _breakdown(results: Results) -> str:
    parts = []
    for study, metric in _columns(results):
        rows = []
        for name, clips in groups_of(study.clips).items():
            voices = len({clip.voice for clip in clips})
            means = [f"{summary(result, metric, clips).mean:.{metric.decimals}f}" for result in study.lanes]
            rows.append([name, f"{len(clips)} / {voices}", *means])
        titles = [result.lane.title for result in study.lanes]
        parts.append(table([f"{metric.title}: group", "clips / voices", *titles], rows))
    return "\n".join(parts)


def _robustness(results: Results) -> str:
    rows = []
    for line in results.robustness:
        row = [line.condition.title, line.lane.title]
        for metric, mean, change, lead in zip(
            results.spoilt_metrics, line.means, line.changes, line.leads, strict=True
        ):
            row.append(f"{mean.mean:.{metric.decimals}f}")
            row.append("" if line.condition.key == CLEAN.key else _written(change, metric.decimals, "+"))
            sure = "" if lead is None else verdict(lead, metric.higher_is_better)
            row.append("" if lead is None else f"{_written(lead, metric.decimals, '+')} {sure}")
        rows.append(row)
    header = ["what is wrong", "codec"]
    for metric in results.spoilt_metrics:
        header += [metric.title, "change", "minus Codec2 3200 so spoilt"]
    count = max((line.clips for line in results.robustness), default=0)
    text = f"{count} clips, against the clean original.\n\n" + table(header, rows)
    if results.silence:
        levels = ((lane.title, "below -119" if db <= -119 else f"{db:.0f}") for lane, db in results.silence)
        quiet = "; ".join(f"{title} {level} dBFS" for title, level in levels)
        text += f"\nDigital silence comes out as: {quiet}.\n"
    return text


def markdown(results: Results) -> str:
    """The whole report."""
    parts = ["# Benchmark\n"]
    clips = [clip for study in results.studies for clip in study.clips]
    if clips:
        first = results.studies[0].clips
        voices, minutes = len({clip.voice for clip in clips}), sum(clip.seconds for clip in first) / 60
        parts.append(
            f"{len(first)} clips ({minutes:.1f} min); with those for the words, {voices} speakers that nothing was "
            "trained on. In brackets: 95 % bootstrap intervals over speakers; differences are paired by clip.\n"
        )
        remarks = "".join(f"{remark}\n\n" for study in results.studies for remark in study.remarks)
        parts += ["## Quality\n", _quality(results), remarks + "## Differences\n", _against(results)]
    if results.robustness:
        parts += ["## When something is wrong\n", _robustness(results)]
    if results.speeds:
        parts += ["## Speed and memory\n", speed_tables(results)]
    if clips:
        parts += ["## By language, sex and age\n", "Means; few voices in a group say little.\n", _breakdown(results)]
    if results.notes:
        parts += ["## Not measured\n", "".join(f"- {note}\n" for note in results.notes)]
    parts += ["## Conditions\n", table(["what", "value"], results.conditions).replace("|--:|", "|---|"), METHOD]
    return "\n".join(parts)


METHOD = """\
## Method

- The originals are 8 kHz, cut at 8 s, from the corpus's Ogg Opus files (24 kbit/s), which may favour Opus a little.
- Every decoded clip is shifted by its codec's delay: the cross-correlation of band envelopes finds one in each clip,
  the median over the clips is taken. Then original and decoded are compared on the same samples.
- bit/s are those that the encoder produced, last frame zero-padded, over the time that its frames stand for; "in whole
  bytes" counts each frame's last byte as full.
- ESTOI is 0 for unrelated speech and 1 for the same; PESQ-NB (P.862.1) runs from 1.0 to 4.55. Neither was made for
  vocoders: they say how near the original is, not how natural the voice sounds.
- WARP-Q: the raw score, low is good (0.57 for the original itself); both sides brought to 16 kHz, the package's own
  settings.
- speaker: cosine of Resemblyzer's embeddings of original and decoded clip, both brought to 16 kHz.
- F0 and voicing: Praat's autocorrelation pitch (60 to 500 Hz, every 10 ms) of the decoded clip beside that of the
  original; F0 where both are voiced, the mean over clips of each clip's median.
- Words: pocketsphinx reads the decoded speech, brought to 16 kHz. It is weak at narrowband and most of these speakers
  have English as a second language, so at each place it only has to choose among 8 words of the transcripts; twice,
  among others. Errors are counted over all words together. Which clips count is decided by the originals, which
  therefore look a few points better than they are; between codecs that favours nobody.
- Where something is spoilt, decoded speech is compared with the clean original, and the delay found without it holds.
  SNR: active speech level (frames within 30 dB of the loudest) over the mean power of the noise. Lost packets are told
  to the decoder; flipped bits are not.
- "true features" are the band energies of the clip itself with Praat's pitch, not quantised, through our vocoder: what
  the codec could reach at best with this vocoder. "quantised bands, true F0" has the decoder's band energies with the
  clip's own F0 and voicing: what better pitch alone would bring. "classic" is the quantised features without the
  network.
"""
