"""A method that writes into the pipe to its parent, each `mode` something else. Run in the sandbox only."""

import json
import os
import pickle
import struct
import time

METHOD = {
    "title": "Tampering",
    "family": "test",
    "origin": "llm",
    "patterns": ["unstructured"],
    "group": "row",
    "params": {"mode": "good", "where": ""},
}


def score(weight, inputs, mode, where, note):
    return globals()[mode](weight, where)


def good(weight, where):
    return weight.abs()


def _pipe():
    """The descriptor of the protocol, found as a method that tampers would."""
    found = [fd for fd in range(3, 64) if writable(fd)]
    return found[0]


def writable(fd):
    try:
        return os.write(fd, b"") == 0
    except OSError:
        return False


class Bomb:
    def __init__(self, where):
        self.where = where

    def __reduce__(self):
        return os.system, (f"touch {self.where}",)


def raw_pickle(weight, where):
    os.write(_pipe(), pickle.dumps(Bomb(where)) * 10)
    time.sleep(100)


def _forge(header, data=b""):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    os.write(_pipe(), struct.pack("<Q", len(encoded)) + encoded + data)
    time.sleep(100)


def endless_header(weight, where):
    os.write(_pipe(), b"\xff" * 8)
    time.sleep(100)


def forged_size(weight, where):
    """Says it is 4 PiB, in the right shape's name."""
    _forge({
        "__metadata__": {"message": json.dumps({"status": "ok"})},
        "saliency": {"dtype": "F32", "shape": [1 << 25, 1 << 25], "data_offsets": [0, 1 << 52]},
    })  # fmt: skip


def forged_offsets(weight, where):
    _forge({
        "__metadata__": {"message": json.dumps({"status": "ok"})},
        "saliency": {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [0, 1 << 52]},
    })  # fmt: skip


def forged_name(weight, where):
    _forge({
        "__metadata__": {"message": json.dumps({"status": "ok"})},
        "../../" + "x" * 99: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    })  # fmt: skip


def forged_nesting(weight, where):
    _forge(b"[" * 100_000)


def forged_message(weight, where):
    _forge({"__metadata__": {"message": json.dumps(["ok"])}})


def forged_status(weight, where):
    _forge({"__metadata__": {"message": json.dumps({"status": "ok\n<script>", "reason": {"a": 1}})}})


def half_a_message(weight, where):
    os.write(_pipe(), struct.pack("<Q", 1000) + b"{")
    time.sleep(100)


def closes_the_pipe(weight, where):
    os.closerange(3, 64)
    time.sleep(100)


def forged_success_and_more(weight, where):
    """A whole good reply, and bytes of a second one that the next call would read."""
    data = memoryview(weight.abs().contiguous().numpy()).cast("B").tobytes()
    header = json.dumps({
        "__metadata__": {"message": json.dumps({"status": "ok"})},
        "saliency": {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [0, len(data)]},
    }).encode()  # fmt: skip
    os.write(_pipe(), struct.pack("<Q", len(header)) + header + data + b"\xff" * 64)
    time.sleep(100)
