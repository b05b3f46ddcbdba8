"""The page's script and everything made without it write the same number the same way."""

import numpy as np

from prunebench.reports.display import METRICS, split_number
from prunebench.reports.method.wording import value

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def test_shares_of_32_and_of_96_questions_and_perplexities_are_written_alike(visit, address):
    tab = visit(address)
    rng = np.random.default_rng(0)
    shares = [*(n / 32 for n in range(33)), *(n / 96 for n in range(97)), *(n / 400 for n in range(401))]
    halves = [n / 8 for n in range(1, 200)]  # to two decimals, each fourth ends in a half
    large = [12450.0, 999.994, 999.995, 999.9951, 1005.0, 99950.0, 9.995e6, *10 ** rng.uniform(3, 12, 200)]
    for metric, numbers in (("acc", shares), ("perplexity", [*halves, *large])):
        how = METRICS[metric]
        stored = [float(f"{number:.6g}") for number in numbers]  # as the page's data has them
        scripts = tab.evaluate("([numbers, scale]) => numbers.map(one => number(one, {scale}))", [stored, how.scale])
        for number, shown in zip(numbers, scripts, strict=True):
            mantissa, power = split_number(number, how)
            assert (f"{mantissa}×10{str(power).translate(SUPERSCRIPT)}" if power else mantissa) == shown, number
            assert str(value(metric, number)) == (f"{mantissa}×10<sup>{power}</sup>" if power else mantissa)
