"""Gossamer at 800 bit/s with either synthesiser, of the shipped models or others."""

from __future__ import annotations

import enum
import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from app.codecs.reference import Decode, Encode
from codec import format
from tests.support.signals import encode_all

from . import Coded

ENCODER, DECODER, VOCODER = "codec_encoder.onnx", "codec_decoder.onnx", "vocoder.onnx"
BEFORE_THE_RECORD = "pocketsphinx"
"""What taught the graphs that say nothing of it: the phones of their training came from alignments by pocketsphinx."""
COPY_ENCODER, COPY_DECODER = "copy_encoder.onnx", "copy_decoder.onnx"


class Arrival(enum.Enum):
    """What else than a packet, or nothing, comes of one."""

    COPY = enum.auto()
    """The packet was lost, and its coarse copy came."""


Channel = Callable[[Sequence[bytes]], Sequence[bytes | Arrival | None]]
"""What a link makes of packets; None is a lost one."""


def int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def float32(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / 32768


def model_path(name: str, folder: Path | None) -> Path:
    """Return the model in `folder`, or the shipped one where there is none. Raises ModelError."""
    from codec.models import asset_path

    own = folder / name if folder is not None else None
    return own if own is not None and own.is_file() else asset_path(name)


def digest_of(names: Iterable[str], folder: Path | None = None) -> str:
    """Return 8 hexadecimal digits that stand for model files and Python modules (dotted, without a network)."""
    digest = hashlib.sha256()
    for name in names:
        if name.endswith(".onnx"):
            digest.update(model_path(name, folder).read_bytes())
        else:
            module = importlib.util.find_spec(name)
            assert module is not None and module.origin is not None
            digest.update(Path(module.origin).read_bytes())
    return digest.hexdigest()[:8]


def missing_of(title: str, names: Iterable[str], folder: Path | None) -> str | None:
    from codec.errors import ModelError

    for name in names:
        try:
            if not model_path(name, folder).is_file():
                return f"{title}: {name} is missing from assets/: fetch it with the repository, or train it"
        except ModelError as error:
            return f"{title}: {error}"
    return None


@lru_cache(maxsize=16)
def _loaded(kind: str, folder: Path | None) -> Any:
    """Return a model of this process, loaded once; reset it before use."""
    from codec.copies import CopyEncoder
    from codec.decoder import Decoder
    from codec.encoder import Encoder
    from vocoder.synthesizer import open_synthesizer

    if kind == ENCODER:
        return Encoder(model_path(ENCODER, folder))
    if kind == DECODER:
        return Decoder(model_path(DECODER, folder), model_path(COPY_DECODER, folder))
    if kind == COPY_ENCODER:
        return CopyEncoder(Decoder(model_path(DECODER, folder)), model_path(COPY_ENCODER, folder))
    return open_synthesizer(kind, model_path(VOCODER, folder) if kind == "neural" else None)


@lru_cache(maxsize=16)
def _copies_version(folder: Path | None) -> str | None:
    from codec.errors import ModelError
    from codec.models import STATELESS, load_copies

    try:
        for kind in STATELESS:
            load_copies(kind, _loaded(DECODER, folder).codec_id, model_path(f"{kind}.onnx", folder))
    except ModelError:
        return None
    return digest_of([COPY_ENCODER, COPY_DECODER], folder)


def fresh(kind: str, folder: Path | None) -> Any:
    model = _loaded(kind, folder)
    model.reset()
    return model


def synthesized(synth: str, folder: Path | None, blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return int16 [n], what `gossamer decode` writes for these blocks of features."""
    synthesiser = fresh(synth, folder)
    parts = [synthesiser.synthesize(block) for block in blocks]
    return int16(np.concatenate([*parts, synthesiser.flush()])[format.DELAY_SAMPLES :])


def packets_of(samples: np.ndarray, folder: Path | None) -> list[bytes]:

    content = encode_all(float32(samples), fresh(ENCODER, folder))
    return [content[i : i + format.PACKET_BYTES] for i in range(0, len(content), format.PACKET_BYTES)]


@lru_cache(maxsize=64)
def _teachers_of(path: Path) -> frozenset[str]:
    from codec.errors import ModelError
    from codec.models import TAUGHT_BY, load_model

    try:
        said = load_model(path.stem, path).metadata.get(TAUGHT_BY, BEFORE_THE_RECORD)
    except ModelError:
        return frozenset()
    return frozenset(filter(None, said.split(",")))


def taught_by(names: Iterable[str], folder: Path | None = None) -> frozenset[str]:
    """Return the names of the recognisers that these graphs' training learnt from; none where they cannot be read."""
    return frozenset().union(*(_teachers_of(model_path(name, folder)) for name in names))


class ModelLane:
    """A lane of graphs that a training made."""

    graphs: Sequence[str] = ()
    """File names of the graphs."""
    folder: Path | None = None
    """Folder of other models than the shipped ones."""

    def taught_by(self) -> frozenset[str]:
        """Return the names of the recognisers that the training learnt from: they are no independent judges."""
        return taught_by(self.graphs, self.folder)


class OurLane(ModelLane):
    """The lane of our codec with a synthesiser. folder, label: of other models than the shipped ones."""

    ours = True
    frame_samples = format.PACKET_SAMPLES

    def __init__(self, synth: str, folder: Path | None = None, label: str = "") -> None:
        self.synth, self.folder, self.label = synth, folder, label
        self.graphs = [ENCODER, DECODER, *([VOCODER] if synth == "neural" else [])]
        self.key = f"{key_of(label)}-{synth}"
        self.title = f"{label or 'Gossamer'} {synth}"

    @property
    def small(self) -> bool:
        """Return whether these are the small variant of some models."""
        from codec.models import SMALL

        return self.folder is not None and self.folder.name == SMALL

    def missing(self) -> str | None:
        return missing_of(self.title, self.graphs, self.folder)

    def version(self) -> str:
        synthesiser = VOCODER if self.synth == "neural" else "vocoder.classic"
        codec = digest_of([ENCODER, DECODER], self.folder)
        return f"codec {codec}, {synthesiser} {digest_of([synthesiser], self.folder)}"

    def copies_version(self) -> str | None:
        """Return the version of the coarse copies of these packets; None where the copies there are another codec's."""
        return _copies_version(self.folder)

    def open_encoder(self) -> Encode:
        from codec.encoder import Encoder

        return Encoder(model_path(ENCODER, self.folder)).encode

    def open_decoder(self) -> Decode:
        from codec.decoder import Decoder
        from vocoder.synthesizer import open_synthesizer

        decoder = Decoder(model_path(DECODER, self.folder))
        synthesiser = open_synthesizer(self.synth, model_path(VOCODER, self.folder) if self.synth == "neural" else None)
        return lambda packet: synthesiser.synthesize(decoder.decode(packet))

    def run(self, samples: np.ndarray, channel: Channel = list) -> Coded:
        packets = packets_of(samples, self.folder)
        arrived = channel(packets)
        copies: Sequence[bytes | None] = [None] * len(packets)
        if Arrival.COPY in arrived:
            maker = fresh(COPY_ENCODER, self.folder)
            copies = [maker.copy(packet) for packet in packets]
        decoder = fresh(DECODER, self.folder)
        heard = (
            (None, copy) if came is Arrival.COPY else (came, None) for came, copy in zip(arrived, copies, strict=True)
        )
        decoded = synthesized(self.synth, self.folder, (decoder.decode(*each) for each in heard))
        bits = 8 * format.PACKET_BYTES * len(packets)
        return Coded(decoded, bits, bits, len(packets) * format.PACKET_S)


def key_of(label: str) -> str:
    return "".join(c if c.isalnum() or c in "._" else "-" for c in (label or "gossamer").lower())


class MixedLane(ModelLane):
    """A lane in which one set of models talks and another listens; a folder of None is the shipped one."""

    ours = False

    def __init__(self, title: str, talks: Path | None, listens: Path | None) -> None:
        self.talks, self.listens, self.title = talks, listens, title
        self.key = f"{key_of(title)}-neural"

    def taught_by(self) -> frozenset[str]:
        return taught_by([ENCODER], self.talks) | taught_by([DECODER, VOCODER], self.listens)

    def missing(self) -> str | None:
        return missing_of(self.title, [ENCODER], self.talks) or missing_of(self.title, [DECODER, VOCODER], self.listens)

    def version(self) -> str:
        return f"encoder {digest_of([ENCODER], self.talks)}, the rest {digest_of([DECODER, VOCODER], self.listens)}"

    def run(self, samples: np.ndarray) -> Coded:
        packets = packets_of(samples, self.talks)
        blocks = map(fresh(DECODER, self.listens).decode, packets)
        bits = 8 * format.PACKET_BYTES * len(packets)
        return Coded(synthesized("neural", self.listens, blocks), bits, bits, len(packets) * format.PACKET_S)
