"""The status page on a thread of its own; the loop hands it a look at itself now and then."""

from __future__ import annotations

import logging
import socket
import threading
import time
from importlib.util import find_spec

from streamer.config import ConfigError
from streamer.web.status import Status

log = logging.getLogger(__name__)

NEEDED = ("starlette", "uvicorn")
"""What the extra ``web`` installs."""


def check_installed() -> None:
    """Raise a `ConfigError` unless the extra ``web`` is installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        needed = f"the status page needs {' and '.join(missing)}"
        raise ConfigError([f"web: {needed}: pip install 'telltale[web]'"])


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
        check_installed()
        import uvicorn

        from streamer.web.app import make_app

        self._status: Status | None = None
        self._looked_at = -self.LOOK_S
        config = uvicorn.Config(
            make_app(lambda: self._status), host=host, port=port, log_level="warning"
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None
        self.host, self.port = host, port

    def start(self) -> None:
        """Begin to serve; where the address cannot be had, say so and go without a page.

        Watching the machines must not depend on somebody else's use of a port.
        """
        where = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"
        try:
            listener = _listen(self.host, self.port)
        except OSError as error:
            log.warning("the status page on %s cannot be served: %s", where, error.strerror)
            return
        log.info("status page on %s", where)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="web", daemon=True
        )
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
        if self._thread is not None:
            self._thread.join(5.0)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port in use is known before anything is served."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
