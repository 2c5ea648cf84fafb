"""Narrower networks out of trained ones.

Inside each pair of linear maps the hidden values that contribute least go, and the second map is fitted anew, by least
squares on training speech, to do without them. A further joint training makes up for what is lost.

Letters: n frames (or packets), H hidden values, C outputs of the pair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from codec.training.data.batches import BatchSampler, PreparedCorpus
from codec.training.loop.config import Schedule
from codec.training.model.analysis import Analysis
from codec.training.model.blocks import PacketBlock, PacketMixer
from vocoder.training.voice import VoiceNetwork, resynthesised

BATCHES, SEGMENTS = 24, 8
"""Batches of training speech that the fit sees, and segments in each."""
MOST_FRAMES = 16000
"""Most values of a hidden layer that are looked at."""
RIDGE = 1e-3
"""Ridge of the fit, over the mean power of the hidden values: it keeps the fit from leaning on noise."""


def pair_of(module: nn.Module) -> tuple[str, str] | None:
    """Return the names of the two linear maps of a module that can be narrowed, or None."""
    if isinstance(module, PacketBlock):
        return "widen", "narrow"
    return ("gather", "spread") if isinstance(module, PacketMixer) else None


@torch.no_grad()
def hidden_values(voice: VoiceNetwork, prepared: Path, seed: int = 3) -> dict[str, Tensor]:
    """Return what the second map of each module gets on training speech, [n, H], by the module's name."""
    schedule = Schedule()
    corpus = PreparedCorpus(prepared, "train")
    sampler = BatchSampler(corpus, SEGMENTS, schedule.packets, schedule.augmentation, seed)
    found: dict[str, list[Tensor]] = {}
    hooks = []
    for name, module in voice.named_modules():
        if isinstance(module, PacketBlock | PacketMixer):

            def keep(_module: nn.Module, _inputs: object, output: Tensor, name: str = name) -> None:
                found.setdefault(name, []).append(output.flatten(0, -2))

            hooks.append(module.activation.register_forward_hook(keep))
    analysis = Analysis()
    for number in range(BATCHES):
        resynthesised(voice, analysis, sampler(number).noisy)
    for hook in hooks:
        hook.remove()
    whole = {name: torch.cat(pieces) for name, pieces in found.items()}
    return {name: values[:: max(1, len(values) // MOST_FRAMES)] for name, values in whole.items()}


def narrowed(hidden: Tensor, weight: Tensor, bias: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return which hidden values are kept, [keep] in order, and the second map's new weight [C, keep] and bias [C].

    These come nearest to the same outputs. hidden: [n, H]; weight: [C, H] and bias: [C] of the second map.
    """
    centred = hidden.double() - hidden.double().mean(0)
    covariance = centred.t() @ centred / len(hidden)
    importance = covariance.diagonal() * weight.double().square().sum(0)
    kept = importance.topk(keep).indices.sort().values
    inner = covariance[kept][:, kept]
    inner = inner + RIDGE * inner.diagonal().mean() * torch.eye(keep, dtype=inner.dtype)
    target = covariance[kept] @ weight.double().t()  # [keep, C]
    # The ridge pulls towards the old weights, not towards zero.
    old = weight.double()[:, kept].t()
    fitted = old + torch.linalg.solve(inner, target - covariance[kept][:, kept] @ old)
    mean = hidden.double().mean(0)
    offset = bias.double() + weight.double() @ mean - fitted.t() @ mean[kept]
    return kept, fitted.t().float(), offset.float()


@torch.no_grad()
def prune(voice: VoiceNetwork, prepared: Path, expansion: int, packet_hidden: int) -> VoiceNetwork:
    """Return the same voice with blocks `expansion` times as wide inside, and mixers `packet_hidden` wide inside."""
    codec = replace(
        voice.codec.config,
        expansion=expansion,
        encoder_expansion=0,
        decoder_expansion=0,
        packet_hidden=packet_hidden,
        encoder_packet_hidden=0,
        decoder_packet_hidden=0,
    )
    smaller = VoiceNetwork(codec, replace(voice.vocoder.config, expansion=expansion))
    weights, wanted = voice.state_dict(), smaller.state_dict()
    for name, hidden in hidden_values(voice, prepared).items():
        first, second = pair_of(voice.get_submodule(name)) or ("", "")
        keep = len(wanted[f"{name}.{first}.bias"])
        if keep < hidden.shape[1]:
            one, two = f"{name}.{first}", f"{name}.{second}"
            kept, weight, bias = narrowed(hidden, weights[f"{two}.weight"], weights[f"{two}.bias"], keep)
            for part in (f"{one}.weight", f"{one}.bias"):
                weights[part] = weights[part][kept]
            weights[f"{two}.weight"], weights[f"{two}.bias"] = weight, bias
    smaller.load_state_dict(weights)
    return smaller
