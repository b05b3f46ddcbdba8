"""Fixtures shared by all tests."""

import os

# Before anything imports torch: the tests run several processes side by side on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
