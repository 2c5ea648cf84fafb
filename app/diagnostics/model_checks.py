"""Checks of the models: there, of one codec, and fast enough on this machine."""

from __future__ import annotations

import hashlib
import time

from app.diagnostics.findings import Finding, Status
from codec.format import PACKET_S

TIMED_PACKETS = 20
"""Packets that a speed is averaged over."""
FAST_ENOUGH_RTF = 0.5
"""Largest acceptable real-time factor of encoding, and of decoding: more leaves too little for a slow moment."""


def check_models() -> list[Finding]:
    """Check that the standard models load, fit each other, and are fast enough here."""
    import numpy as np

    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from codec.errors import CodecError
    from codec.format import PACKET_SAMPLES
    from codec.models import COPY_DECODER, COPY_ENCODER, DECODER, ENCODER, VOCODER, asset_path, load_copies
    from vocoder.synthesizer import open_synthesizer

    try:
        encoder, decoder, synthesizer = Encoder(), Decoder(), open_synthesizer("neural")
    except CodecError as problem:
        return [Finding("models", "fail", problem.cause, problem.cure or "reinstall gossamer")]
    sums = [
        f"{kind} {hashlib.sha256(asset_path(f'{kind}.onnx').read_bytes()).hexdigest()[:12]}"
        for kind in (ENCODER, DECODER, VOCODER)
    ]
    findings = [Finding("models", "ok", f"codec {encoder.codec_id}; sha256 {', '.join(sums)}")]
    if encoder.codec_id != decoder.codec_id:
        found = f"the encoder is codec {encoder.codec_id}, the decoder {decoder.codec_id}"
        findings.append(Finding("models", "fail", found, "reinstall gossamer: the files are of two versions"))
    try:
        for kind in (COPY_ENCODER, COPY_DECODER):
            load_copies(kind, decoder.codec_id)
    except CodecError as problem:
        findings.append(
            Finding("coarse copies", "warn", problem.cause, "reinstall gossamer, or leave out repeat=coarse")
        )
    noise = np.random.default_rng(1).normal(0, 0.05, PACKET_SAMPLES).astype(np.float32)
    packet = encoder.encode(noise)
    synthesizer.synthesize(decoder.decode(packet))  # the first call is slower
    for what, work in (
        ("encoding", lambda: encoder.encode(noise)),
        ("decoding", lambda: synthesizer.synthesize(decoder.decode(packet))),
    ):
        began_s = time.perf_counter()
        for _ in range(TIMED_PACKETS):
            work()
        share = (time.perf_counter() - began_s) / TIMED_PACKETS / PACKET_S
        found = f"{share:.3f} of real time"
        status: Status = "ok" if share < FAST_ENOUGH_RTF else "warn" if share < 1 else "fail"
        cure = "" if status == "ok" else "close other programs, or listen with --synth classic"
        findings.append(Finding(what, status, found, cure))
    return findings


def check_small_models() -> list[Finding]:
    """Check that the models of `--model small` load and understand the standard ones."""
    from app.station.parts import load_codec
    from codec.decoder import Decoder
    from codec.errors import CodecError
    from codec.models import DECODER, ENCODER, SMALL, VOCODER, model_path

    use_other = "reinstall gossamer, or go without --model small"
    try:
        codec = load_codec("neural", SMALL)
    except CodecError as problem:
        return [Finding("small models", "warn", problem.cause, use_other)]
    own, other = codec.decoder.codec_id, Decoder().codec_id
    if own != other:
        return [Finding("small models", "warn", f"of codec {own}, the standard ones of codec {other}", use_other)]
    size = sum(model_path(kind, SMALL).stat().st_size for kind in (ENCODER, DECODER, VOCODER))
    return [Finding("small models", "ok", f"codec {own}, {size / 1e6:.1f} MB")]
