"""The project of the sweeps' tests."""

from tests.sweeps.conftest import *  # noqa: F403
