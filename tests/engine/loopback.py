"""Ports of this machine for the servers of tests."""

from __future__ import annotations

import socket
import subprocess
import time

PATIENCE = 20  # seconds


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a server listens; False where it has ended, or does not in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False
