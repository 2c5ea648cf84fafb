"""Check of the broker that the settings name: whether it answers, and over TLS whether it is to be trusted."""

from __future__ import annotations

from pathlib import Path

import trio

from app.diagnostics.findings import Finding
from app.errors import GossamerError
from app.settings.contacts import resolve
from app.settings.file import read_configuration
from app.signals import Ending, run_until_signal
from transport.address import parse_address
from transport.broker import Access, BrokerSettings
from transport.errors import TransportError

PATIENCE_S = 10.0
"""Time that a broker gets to answer, in seconds."""


def check_broker(config: str | None = None) -> list[Finding]:
    """Check the broker of the link in the settings file; find nothing where that names none.

    config: the settings file, None for the default one. The broker is called and not greeted: a greeting would tell it
    the channel's name. Problems of the file itself are for the check of the settings to tell.
    """
    try:
        configuration = read_configuration(Path(config) if config is not None else None, warns=False)
        link = resolve(configuration.values.get("link", ""), configuration.contacts, configuration.path)
        address = parse_address(link)
    except (GossamerError, TransportError):
        return []
    if not address.kind.takes_channel:
        return []
    settings: BrokerSettings = address.with_access(Access(ca=configuration.values.get("ca", ""))).settings
    try:
        run_until_signal(_call, settings)
    except trio.TooSlowError:
        cure = "look after it and the network"
        return [Finding("broker", "fail", f"{settings.host} port {settings.port} takes too long to answer", cure)]
    except TransportError as problem:
        return [Finding("broker", "fail", problem.cause, problem.cure)]
    secured = "over TLS, with a certificate to trust" if settings.tls else "in clear: what is not sealed can be read"
    return [Finding("broker", "ok", f"{settings.host} port {settings.port} answers {secured}")]


async def _call(ending: Ending, settings: BrokerSettings) -> None:
    from transport.links.broker_session import connect

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ending.cancel_when_asked)
        with trio.fail_after(PATIENCE_S):
            stream, _ = await connect(settings)
            await trio.aclose_forcefully(stream)
        nursery.cancel_scope.cancel()
