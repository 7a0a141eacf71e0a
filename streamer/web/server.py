"""The status page on a thread of its own; the loop hands it a look at itself now and then."""

from __future__ import annotations

import logging
import threading
import time

from streamer.config import ConfigError
from streamer.web.status import Status

log = logging.getLogger(__name__)


class WebServer:
    """Serves the status page.

    Parameters
    ----------
    host, port
        Where to listen.

    Raises
    ------
    ConfigError
        The extra ``web`` is not installed.
    """

    LOOK_S = 5.0
    """How often the loop takes a look at itself for the page."""

    def __init__(self, host: str, port: int) -> None:
        try:
            import uvicorn

            from streamer.web.app import make_app
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"web: the status page needs {error.name}: pip install 'telltale[web]'"
            ) from None

        self._status: Status | None = None
        self._looked_at = -self.LOOK_S
        config = uvicorn.Config(
            make_app(lambda: self._status), host=host, port=port, log_level="warning"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self.port = port
        self._where = f"http://{host}:{port}/"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    @property
    def due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() - self._looked_at >= self.LOOK_S

    def show(self, status: Status) -> None:
        """Take over what the pages show from now on."""
        self._status = status
        self._looked_at = time.monotonic()

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(5.0)

    def _run(self) -> None:
        log.info("status page on %s", self._where)
        try:
            self._server.run()
        except (OSError, SystemExit):
            # Watching the machines must not depend on somebody else's use of a port.
            log.warning("the status page on %s cannot be served", self._where)
