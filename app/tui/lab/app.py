"""The program behind `gossamer lab`: it hosts the session of the lab, and ends with it in order."""

from __future__ import annotations

from collections.abc import Callable

from app.audio.devices import Loudspeaker, Microphone
from app.lab.session import LabSession
from app.lab.state import LabSnapshot, LabStart, LabState
from app.tui.host.app import HostedApp
from app.tui.lab.screen import LabScreen


class LabApp(HostedApp):
    """The lab without a station. `failure` is what its session died of, once the program has ended."""

    TITLE = "gossamer lab"

    def __init__(
        self, start: LabStart, open_sound: Callable[[], tuple[Microphone, Loudspeaker]], lab: LabState | None = None
    ) -> None:
        """Begin as `start` says, with the devices that `open_sound` opens. lab: one with other lanes than usual."""
        super().__init__()
        self.session = LabSession(start, *open_sound(), self._moved, lab)
        self.lab_screen = LabScreen(self.session)

    def on_mount(self) -> None:
        """Show the lab."""
        self.push_screen(self.lab_screen, self._left)

    async def run_guest(self) -> None:
        """Run the session."""
        await self.session.run()

    def close_guest(self) -> None:
        """Have the session end."""
        self.session.close()

    def _moved(self, picture: LabSnapshot) -> None:
        self.lab_screen.post_message(LabScreen.Moved(picture))

    def _left(self, _: None) -> None:
        self.call_later(self.action_leave)
