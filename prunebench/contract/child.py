"""The process that runs a method through the contract for `apart.py`, and tells it in one JSON object a line.

`ready` once torch is there, `begin` (check, promise) before each check, `found` (check, promise, problem) after it, and
at the end `end`, or `refused` with a sentence. What the method prints goes where the caller's own output goes.
"""

import json
import os
import pickle
import sys
from typing import Any

from prunebench.contract.examination import examine_method
from prunebench.errors import PrunebenchError


def main() -> None:
    """Entry point; the argument is the file descriptor to write to, the request comes from stdin."""
    sent, own = int(sys.argv[1]), os.getpid()
    os.set_inheritable(sent, False)
    spec, method_paths, policy, only = pickle.load(sys.stdin.buffer)

    def say(what: str, said: Any) -> None:
        if os.getpid() != own:  # a method forked, and this is the child coming back
            os._exit(1)
        sys.stdout.flush()
        data = json.dumps({what: said}).encode() + b"\n"
        while data:
            data = data[os.write(sent, data) :]

    say("ready", True)
    try:
        for finding in examine_method(spec, method_paths, policy, only, lambda *check: say("begin", check)):
            say("found", finding)
    except PrunebenchError as error:
        say("refused", str(error))
    else:
        say("end", True)


if __name__ == "__main__":
    main()
