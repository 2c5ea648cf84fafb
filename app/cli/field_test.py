"""`gossamer field-test LINK`: two stations say known clips to each other, and each writes a report."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import EXIT_PROBLEM
from app.cli.options import add_json, add_options, settings_from
from app.console import note, say
from app.errors import GossamerError
from app.signals import EXIT_INTERRUPTED, Ending, run_until_signal
from transport.link_kinds import explained_forms, kind_of
from transport.playout.items import ReceivedPacket

if TYPE_CHECKING:  # the command line must not wait for them
    from app.diagnostics.field_records import FieldTest, KnownClip
    from app.station.parts import StationCodec

LONGEST_OVER_S = 600.0
"""Time-out of an over: a clip on a slow link takes its time."""


def add_field_test(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("link", metavar="LINK|NAME", help=f"{explained_forms()}; or a contact's name")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M", help="length of the test in minutes (5)")
    parser.add_argument("--answer", action="store_true", help="be the station that answers; it is started first")
    parser.add_argument("--out", metavar="DIR", help="folder for the report (field-test-DATE)")
    add_options(parser, "field-test")
    add_json(parser)
    parser.set_defaults(run=run_field_test)


def ceilings(known: list[KnownClip], codec: StationCodec) -> dict[str, float | None]:
    """Return the ESTOI of each clip through the codec, with no link in between; None where it is not measured."""
    import numpy as np

    from app.analysis.metrics import estoi
    from app.codecs.decoding import decoded

    found = {}
    for clip in known:
        heard = np.concatenate(list(decoded(map(ReceivedPacket, clip.packets), codec.decoder, codec.synthesizer)))
        found[clip.name] = estoi(np.pad(clip.samples, (0, len(heard) - len(clip.samples))), heard)
    codec.decoder.reset()
    codec.synthesizer.reset()
    return found


def run_field_test(arguments: argparse.Namespace) -> int:
    """Run a field test and write its report. Returns 0, or 2 where nothing was heard. Raises GossamerError."""
    from app.clips import bundled_clips
    from app.diagnostics import field_test
    from app.diagnostics.field_records import encode_clips
    from app.diagnostics.field_report import summary_text, write_report
    from app.station.parts import load_codec, real_parts

    if not 0 < arguments.minutes <= 24 * 60:
        raise GossamerError(f"--minutes {arguments.minutes:g}", f"it must be above 0 and at most {24 * 60}")
    settings = replace(settings_from(arguments), permit_tone=False, courtesy_tone=False, time_out_s=LONGEST_OVER_S)
    kind = kind_of(settings.link)
    if kind is not None and kind.within_program:
        raise GossamerError(
            "a parrot knows no field test", "start `gossamer field-test LINK --answer` at the other end"
        )
    codec = load_codec(settings.synth, settings.model)
    assert codec.encoder is not None
    known = encode_clips(bundled_clips(), codec.encoder)
    ideal = ceilings(known, codec)
    parts = real_parts(load_codec=lambda synth, model: codec, recordings=None)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = Path(arguments.out or f"field-test-{stamp}")

    async def run(ending: Ending) -> FieldTest:
        return await field_test.run_field_test(
            settings, parts, known, minutes=arguments.minutes, answer=arguments.answer, say=note, stop=ending.asked
        )

    folder.mkdir(parents=True, exist_ok=True)  # now: a report that cannot be written costs the whole test
    try:
        test = run_until_signal(run)
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # unless something is in it
        raise
    told: dict[str, Any] = write_report(folder, test, known, ideal)
    if test.stopped:
        note("ended by a signal: the report is of what came until then")
    elif not test.heard:
        note(f"nothing was heard: is `gossamer field-test` running at the other end of {settings.link}?")
    text = summary_text(told, any(value is not None for value in ideal.values()))
    say(told | {"report": str(folder)}, f"{text}written {folder / 'report.md'}", as_json=arguments.json)
    if test.stopped:
        return EXIT_INTERRUPTED
    return 0 if test.heard else EXIT_PROBLEM
