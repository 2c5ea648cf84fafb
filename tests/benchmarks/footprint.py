"""A process that only decodes, measured from its cold start.

    python -m tests.benchmarks.footprint LANE PACKETS [DIR LABEL]

PACKETS is a file of frames, each after its length (uint16, little-endian). Prints one line of JSON:
`first_sound_s` from the start of the process to the first decoded samples, `first_sound_cpu_s` the processor time in
it, `resident_mb` after the last samples.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path

LENGTH = struct.Struct("<H")


def pack_frames(frames: Iterable[bytes]) -> bytes:
    """Return the content of the file of frames that this process reads."""
    return b"".join(LENGTH.pack(len(frame)) + frame for frame in frames)


def unpack_frames(content: bytes) -> list[bytes]:
    """Return what `pack_frames` was given."""
    frames, place = [], 0
    while place < len(content):
        (size,) = LENGTH.unpack_from(content, place)
        place += LENGTH.size
        frames.append(content[place : place + size])
        place += size
    return frames


def resident_mb(process: int | str = "self", field: str = "VmRSS") -> float:
    """Return a process's resident memory in megabytes (10^6 bytes), with "VmHWM" the highest so far. Linux only."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"process {process} has no {field}")


def _age_s() -> float:
    """Return the seconds since this process was started, from the kernel's clock ticks (10 ms)."""
    started_ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


def main(key: str, path: str, *candidate: str) -> None:
    """Decode all frames of the file and print what it took. candidate: folder and label of models not shipped."""
    from .lanes import Candidate, streaming_lanes

    candidates = [Candidate(Path(candidate[0]), candidate[1])] if candidate else []
    lane = next(lane for lane in streaming_lanes(candidates) if lane.key == key)
    decode = lane.open_decoder()
    frames = unpack_frames(Path(path).read_bytes())
    decode(frames[0])
    first_sound_s, first_sound_cpu_s = _age_s(), time.process_time()
    for frame in frames[1:]:
        decode(frame)
    measured = {"first_sound_s": first_sound_s, "first_sound_cpu_s": first_sound_cpu_s, "resident_mb": resident_mb()}
    print(json.dumps(measured))


if __name__ == "__main__":
    main(*sys.argv[1:])
