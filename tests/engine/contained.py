"""Programs that cannot outlive us, nor leave a mount behind."""

import os

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def bound(*command: str) -> list[str]:
    """The command that runs `command`, to be killed when the thread that started it ends."""
    # The check is for an end that came before the signal was asked for.
    check = '[ $PPID = "$0" ] && exec "$@"'
    return ["setpriv", "--pdeathsig=KILL", "sh", "-c", check, str(os.getpid()), *command]


def contained(*command: str) -> list[str]:
    """The command that runs `command` in namespaces of its own, to be ended by their end.

    It is killed with all that it started when the thread that started it ends, however that ends.
    """
    namespaces = ["--mount", "--propagation=slave", "--pid", "--mount-proc", "--fork"]
    return bound("unshare", *namespaces, "--kill-child", *command)
