"""Start the service, wait for its first answer and end it, so that its bytecode is written."""

import os
import subprocess
import sys
import time
import urllib.request

PORT = "18999"
PATIENCE = 60  # seconds


def main() -> None:
    """End with one sentence where it does not answer."""
    service = subprocess.Popen(
        [sys.executable, "-m", "app.main"], env={**os.environ, "PORT": PORT, "HOST": "127.0.0.1"}
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health/live").close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("The service did not answer.")
    finally:
        service.terminate()
        service.wait()


main()
