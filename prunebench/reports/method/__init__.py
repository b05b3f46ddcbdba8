"""The page of a method: what it is, and everything that was measured of it."""
