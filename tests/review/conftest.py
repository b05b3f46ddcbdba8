"""The published project of the results' own tests."""

from tests.results.published.conftest import made, published  # noqa: F401
