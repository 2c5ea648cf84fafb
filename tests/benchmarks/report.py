"""The results as Markdown for people."""

from __future__ import annotations

from codec.format import SAMPLE_RATE_HZ

from .bootstrap import Interval
from .lanes import Lane, teachers
from .metrics import Metric
from .report_ceilings import ceilings
from .report_speed import speed_tables
from .results import Results, SpoiltTable, groups_of, table
from .robustness import CLEAN
from .study import Study, difference, summary

TAUGHT = "†"
"""Mark of a score whose judge taught the voice."""


def verdict(interval: Interval, higher_is_better: bool) -> str:
    """Return "ahead", "behind", or "level" where the interval holds zero."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    return "ahead" if low > 0 else "behind" if high < 0 else "level"


def _written(interval: Interval, decimals: int, sign: str = "") -> str:
    mean, low, high = (f"{value:{sign}.{decimals}f}" for value in interval)
    return f"{mean} ({low} to {high})"


def _rate(bps: float) -> str:
    return "-" if bps == 0 else f"{bps:.0f}"


def _mark(metric: Metric, lane: Lane) -> str:
    """Return the mark of a score whose judge taught the voice; none where the judge is independent."""
    return f" {TAUGHT}" if metric.judge and metric.judge in teachers(lane) else ""


def _taught(results: Results) -> str:
    """Return the remark on the marks; empty where every judge is independent of every codec."""
    judged = {
        metric.title: [lane.title for lane in _lanes(results) if _mark(metric, lane)]
        for metric in dict.fromkeys(metric for _, metric in _columns(results))
    }
    said = "; ".join(f"{title} for {', '.join(lanes)}" for title, lanes in judged.items() if lanes)
    remark = f"{TAUGHT} The judge is one that taught the voice, so it may favour it: {said}.\n\n"
    return remark if said else ""


def _columns(results: Results) -> list[tuple[Study, Metric]]:
    """Return the columns, words first: they decide."""
    columns = [(study, metric) for study in results.studies for metric in study.metrics]
    return sorted(columns, key=lambda column: not column[1].key.startswith("words"))


def _lanes(results: Results) -> list[Lane]:
    """Return each lane once, in the order of the first study."""
    return list({result.lane.key: result.lane for study in results.studies for result in study.lanes}.values())


def _quality(results: Results) -> str:
    rows = []
    for lane in _lanes(results):
        found = next(result for study in results.studies if (result := study.find(lane.key)) is not None)
        row = [lane.title, _rate(found.rate_bps), _rate(found.wire_rate_bps)]
        for study, metric in _columns(results):
            result = study.find(lane.key)
            if result is None:
                row.append("-")
                continue
            written = _written(summary(result, metric, study.clips), metric.decimals)
            row.append(f"{written}{_mark(metric, lane)}")
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
                mark = _mark(metric, ours) or _mark(metric, other)
                row.append(f"{_written(interval, metric.decimals, '+')} {sure}{mark}")
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
        if len(rows) == 1:
            continue  # the table above says the same
        titles = [result.lane.title for result in study.lanes]
        parts.append(table([f"{metric.title}: group", "clips / voices", *titles], rows))
    return "\n".join(parts)


def _robustness(spoilt: SpoiltTable) -> str:
    rows = []
    for line in spoilt.rows:
        row = [line.condition.title, line.lane.title]
        for metric, mean, change, lead in zip(spoilt.metrics, line.means, line.changes, line.leads, strict=True):
            row.append(f"{mean.mean:.{metric.decimals}f}{_mark(metric, line.lane)}")
            row.append("" if line.condition.key == CLEAN.key else _written(change, metric.decimals, "+"))
            sure = "" if lead is None else verdict(lead, metric.higher_is_better)
            row.append("" if lead is None else f"{_written(lead, metric.decimals, '+')} {sure}")
        rows.append(row)
    header = ["what is wrong", "codec"]
    for metric in spoilt.metrics:
        header += [metric.title, "change", "minus Codec2 3200 so spoilt"]
    return f"{spoilt.title}\n\n{table(header, rows)}"


def _silence(results: Results) -> str:
    levels = ((lane.title, "below -119" if db <= -119 else f"{db:.0f}") for lane, db in results.silence)
    quiet = "; ".join(f"{title} {level} dBFS" for title, level in levels)
    return f"Digital silence comes out as: {quiet}.\n" if quiet else ""


def markdown(results: Results) -> str:
    """Return the whole report."""
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
        remarks += _taught(results) + "".join(f"{remark}\n\n" for remark in results.remarks)
        parts += ["## Quality\n", _quality(results), remarks + "## Differences\n", _against(results)]
        found = ceilings(results)
        parts += ["## Ceilings\n", CEILINGS, found] if found else []
    if results.robustness:
        parts += ["## When something is wrong\n", *map(_robustness, results.robustness), _silence(results)]
    if results.speeds:
        parts += ["## Speed and memory\n", speed_tables(results)]
    breakdown = _breakdown(results)
    if breakdown:
        parts += ["## By language, sex and age\n", "Means; few voices in a group say little.\n", breakdown]
    if results.notes:
        parts += ["## Not measured\n", "".join(f"- {note}\n" for note in results.notes)]
    parts += ["## Conditions\n", table(["what", "value"], results.conditions).replace("|--:|", "|---|"), METHOD]
    return "\n".join(parts)


CEILINGS = """\
Each row has something of the original where a part of the voice would be; what the whole voice loses beside it is what
that part costs, with the paired 95 % interval. By words the original is some points too good, since it decides which
clips count: by as much is what the vocoder loses too large. Between the other rows that favours nobody.
"""

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
- Words are counted by Whisper (CTranslate2, 8-bit weights, greedy, temperature 0, no context; the language is given,
  numbers are written in words), which hears 16 kHz and has no grammar to help it. Case and punctuation do not count;
  Mandarin is counted in simplified characters. A clip loses at most all of its words: a recogniser in a loop writes one
  a hundred times.
  Errors are counted over all words together. Clips of which the judge itself misses more than half of the original are
  left out for all codecs, so that the originals look better than they are; between codecs that favours nobody.
- pocketsphinx is the second judge. It is weak at narrowband and most of these speakers have English as a second
  language, so at each place it only has to choose among 8 words of the transcripts; twice, among others.
- † stands where the judge taught the voice: the models' files say which recognisers did, and those
  that say nothing learnt from phones that pocketsphinx aligned. Such a score is no independent one.
- nature: Distill-MOS, 1 to 5, is shown no original. It was made for 16 kHz; without what is above 4 kHz the originals
  themselves lose more than a point. Nothing was ever trained on it.
- Intervals are over speakers; where all clips are of one speaker, over clips, and then say nothing of other voices.
- Where something is spoilt, decoded speech is compared with the clean original, and the delay found without it holds.
  SNR: active speech level (frames within 30 dB of the loudest) over the mean power of the noise. Lost packets are told
  to the decoder; flipped bits are not.
- "true bands and F0" are the band energies of the clip itself with Praat's pitch, not quantised, through our vocoder:
  what the codec could reach at best with this vocoder. "quantised bands, true F0" has the decoder's band energies with
  the clip's own F0 and voicing, "true bands, quantised F0" the reverse: what better pitch, or better bands, alone would
  bring. "latents not rounded" gives the decoder the encoder's values as they are, which 256 bits cannot hold. "classic"
  is the quantised features without the network.
"""
