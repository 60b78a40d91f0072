"""Programs that cannot outlive us, nor leave a mount behind."""

import os

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def contained(*command: str) -> list[str]:
    """The command that runs `command` in namespaces of its own, to be ended by their end.

    It is killed with all that it started when the thread that started it ends, however that ends.
    """
    # The check is for an end that came before the signal was asked for.
    bound = ["setpriv", "--pdeathsig=KILL", "sh", "-c", '[ $PPID = "$0" ] && exec "$@"']
    namespaces = ["--mount", "--propagation=slave", "--pid", "--mount-proc", "--fork"]
    return [*bound, str(os.getpid()), "unshare", *namespaces, "--kill-child", *command]
