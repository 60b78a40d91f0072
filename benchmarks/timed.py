"""`python timed.py COMMAND…` runs it, and says as JSON what it took: seconds, bytes.

A process of its own, and a small one: what a process took at most counts what its parent had.
"""

import json
import resource
import subprocess
import sys
import time

start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
seconds = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(
    json.dumps(
        {
            "seconds": seconds,
            "processor": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "code": done.returncode,
            "said": done.stdout,
        }
    )
)
