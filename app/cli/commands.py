"""The commands: what each is for, in a line and in a sentence, how it is used, and where its flags are added."""

from __future__ import annotations

from typing import Any, NamedTuple


class Command(NamedTuple):
    """A command of `gossamer`."""

    word: str
    help: str
    """Line in the list of commands."""
    says: str
    """Sentence at the head of its own help."""
    examples: tuple[str, ...]
    """Command lines that work as they stand, once the files and links in them are one's own."""
    add: str
    """Function that adds its flags, as "MODULE:FUNCTION"."""


def explained(sentence: str, *examples: str) -> dict[str, Any]:
    """Return how a command's own help begins and ends, as arguments of its parser."""
    lines = "".join(f"\n  {example}" for example in examples)
    return {"description": sentence, "epilog": f"example{'s' if len(examples) > 1 else ''}:{lines}"}


COMMANDS = (
    Command(
        "talk",
        "the terminal UI with a real peer",
        "Open the talk screen on a link to another station.",
        ("gossamer talk udp://192.0.2.7:7800", "gossamer talk udp://:7800 --passphrase"),
        "app.cli.talk:add_talk",
    ),
    Command(
        "send",
        "send a file or the microphone as one over, without a screen",
        "Send a sound file, or the microphone until Ctrl-C, as one over, and end when it has left.",
        ("gossamer send udp://192.0.2.7 --input speech.wav --confirm", "gossamer send udp://192.0.2.7 --input mic"),
        "app.cli.send:add_send",
    ),
    Command(
        "listen",
        "play or record what others say, without a screen",
        "Wait for overs, and play them or write them into one sound file, until Ctrl-C.",
        ("gossamer listen udp://:7800 --output speaker", "gossamer listen udp://:7800 --output heard.wav --once"),
        "app.cli.listen:add_listen",
    ),
    Command(
        "text",
        "one short message, confirmed if that is asked for",
        "Send one short message; with --confirm up to four times, and exit code 3 where nobody has confirmed it.",
        (
            "gossamer text udp://192.0.2.7:7800 'on my way'",
            "gossamer text udp://192.0.2.7:7800 here --to Bob --confirm",
        ),
        "app.cli.text:add_text",
    ),
    Command(
        "station",
        "two ways without a screen: a button, the voice, JSON lines",
        "Run a station that tells events as JSON lines, and takes commands as JSON lines, a button or the voice.",
        ("gossamer station udp://:7800 --vox", "gossamer station udp://:7800 --button 'USB Pedal,KEY_F13'"),
        "app.cli.station:add_station",
    ),
    Command(
        "relay",
        "carry overs from each link to the others",
        "Carry overs and messages from each of two or more links to the others, packed for each of them: a repeater on "
        "a hill, a radio joined to a broker's channel. It never decodes the voice.",
        (
            "gossamer relay 'serial:///dev/ttyUSB0?baud=57600' mqtts://ada@broker.example/harbour --name Hill",
            "gossamer relay udp://: udp://192.0.2.7 --json",
        ),
        "app.cli.relay:add_relay",
    ),
    Command(
        "who",
        "who is on a channel, how long ago heard",
        "Listen on a channel for some seconds, and say who is there; exit code 1 where nobody was heard. On IP this "
        "station says that it is there, and the others answer; on radios it only listens.",
        ("gossamer who udp://192.0.2.7", "gossamer who mqtts://ada@broker.example/harbour --seconds 10"),
        "app.cli.who:add_who",
    ),
    Command(
        "demo",
        "a conversation with the parrot without a screen, written to files",
        "Say a recorded clip to the parrot over a simulated link, and write what was said and what came back to files. "
        "The parrot answers as it was spoken to, but without coarse copies: it has no codec.",
        ("gossamer demo 'parrot://?rate=1200&loss=0.1' --out bad-link",),
        "app.cli.demo:add_demo",
    ),
    Command(
        "encode",
        "sound files to packets, 100 bytes a second",
        "Turn sound files into files of packets, 32 bytes for every 0.32 s. The number of the codec stands beside the "
        "file, in the attribute user.gossamer.codec_id (Linux): `cp --preserve=xattr` keeps it.",
        ("gossamer encode speech.wav speech.g800", "gossamer encode one.wav two.flac --out packets"),
        "app.cli.files:add_encode",
    ),
    Command(
        "decode",
        "packets to sound files",
        "Turn files of packets back into speech, as WAV files.",
        ("gossamer decode speech.g800 speech.wav", "gossamer decode speech.g800 lossy.wav --drop 0.1"),
        "app.cli.files:add_decode",
    ),
    Command(
        "ptt",
        "press the talk key of a running station, from a pedal or a shortcut",
        "Press or release the talk key of a `gossamer talk`, `station` or `send --input mic` running on this machine.",
        ("gossamer ptt toggle", "gossamer ptt down --hold"),
        "app.cli.ptt:add_ptt",
    ),
    Command(
        "plan",
        "what a link or a radio can carry, and with which k",
        "Count every byte that speech costs on a link, and tell whether it fits. Without one, list the known radios.",
        ("gossamer plan 'udp://192.0.2.7:7800?rate=1200'", "gossamer plan --radio sik"),
        "app.cli.plan:add_plan",
    ),
    Command(
        "inspect",
        "draw packets: pitch, voicing, energy, spectrum; what each bit does",
        "Draw what a file of packets, or a sound file, holds, and show what a wrong bit does to it.",
        ("gossamer inspect speech.g800", "gossamer inspect speech.wav --flip 17@3 --png flipped.png"),
        "app.cli.inspect:add_inspect",
    ),
    Command(
        "compare",
        "clips through every codec, as a page to listen to in a browser",
        "Write one HTML page on which clips are heard through every codec, with a blind test.",
        ("gossamer compare speech.wav --out page.html",),
        "app.cli.compare:add_compare",
    ),
    Command(
        "lab",
        "what Gossamer, Codec2, Opus and PCM do on one thin link, side by side",
        "Send one voice through several codecs over the same thin link, on a screen or as tables.",
        ("gossamer lab mic", "gossamer lab speech.wav --tables --loss 0.1"),
        "app.cli.lab:add_lab",
    ),
    Command(
        "overs",
        "past overs: list, replay, save, delete; captures that reproduce a fault",
        "List the overs that this machine has kept, or do something with one of them.",
        ("gossamer overs", "gossamer overs replay 1", "gossamer overs save 1 last.wav"),
        "app.cli.overs:add_overs",
    ),
    Command(
        "field-test",
        "two stations send known clips both ways; a report of what came",
        "Say known clips to another station that does the same, and write a report of what each of them heard.",
        ("gossamer field-test udp://:7800 --answer", "gossamer field-test udp://192.0.2.7:7800 --minutes 10"),
        "app.cli.field_test:add_field_test",
    ),
    Command(
        "doctor",
        "check sound, models, talk key, serial ports, settings; say what to do",
        "Check what a station needs of this machine, and say what to do where something is missing.",
        ("gossamer doctor",),
        "app.cli.doctor:add_doctor",
    ),
    Command(
        "train-voice",
        "fit the vocoder to your voice, for those who listen to you",
        "Fit the vocoder to one voice, from a folder of recordings, for those who listen to it.",
        ("gossamer train-voice recordings --out ada.onnx",),
        "app.cli.train_voice:add_train_voice",
    ),
    Command(
        "passphrase",
        "draw a passphrase of five words for a sealed channel",
        "Draw a passphrase for a sealed channel that nobody guesses and everybody can read out.",
        ("gossamer passphrase", "gossamer passphrase --words 7"),
        "app.cli.passphrase:add_passphrase",
    ),
    Command(
        "devices",
        "microphones and loudspeakers, and the rates that work",
        "List microphones and loudspeakers with the sampling rates that work; a star marks the default.",
        ("gossamer devices",),
        "app.cli.devices:add_devices",
    ),
    Command(
        "completion",
        "a script that completes commands, flags and values in your shell",
        "Print a script with which a shell completes commands, flags and what stands behind them: modes, radios, your "
        "contacts, your overs. For zsh its file is called _gossamer, in a folder of your fpath.",
        (
            "gossamer completion bash > ~/.local/share/bash-completion/completions/gossamer",
            "gossamer completion zsh > ~/.zfunc/_gossamer",
            "gossamer completion fish > ~/.config/fish/completions/gossamer.fish",
        ),
        "app.cli.completion:add_completion",
    ),
)
"""All commands, in the order of the help."""
