"""The configuration of a vocoder network, stored in every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VocoderConfig:
    """Kind, width and depth of the network that makes the sound."""

    kind: str = "harmonic"
    """Name of the network: "harmonic" (harmonic.py) or "hifigan" (hifigan.py)."""
    channels: int = 192
    """Channels at 100 Hz; HiFi-GAN has half of them after each of its three steps up."""
    blocks: int = 6
    """Blocks at 100 Hz."""
    expansion: int = 3
    """Width inside a block, over its channels."""
    kernels: tuple[int, ...] = (3, 7, 11)
    """HiFi-GAN: sizes of the convolutions whose residual stacks are averaged."""
    dilations: tuple[int, ...] = (1, 3, 5)
    """HiFi-GAN: dilations of the convolutions of a stack, one after the other."""
