"""How many examples a law is tried on: in CI all of them, before it a quarter, which takes a minute less.

What a law does not hold for is mostly found by the first examples; what only the last ones find, CI finds.
"""

import os

THOROUGH = "CI" in os.environ
USUAL = 100
LEAST = 3


def examples(number: int) -> int:
    """So many in CI, a quarter of them before."""
    return number if THOROUGH else max(number // 4, LEAST)
