import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunebench.reports.fitting import SCRIPT, SMALL, batches, longest_word, narrowed, width
from prunebench.reports.latex import escape
from tests.reports.compiling import needs_latex

TEXTS = ["SmolLM2 135M Instruct", "1234567.89", "mlp.down-proj (not centered)", "wanda@only=q_proj", "iiiill", "WMW%"]


@needs_latex
@pytest.mark.parametrize(("size", "command"), [(SMALL, r"\small"), (SCRIPT, r"\scriptsize")])
def test_estimated_widths_are_those_of_latex_or_a_little_more(tmp_path, size, command):
    boxes = "".join(rf"\setbox0\hbox{{{command} {escape(text)}}}\typeout{{wide \the\wd0}}" for text in TEXTS)
    packages = r"\usepackage[T1]{fontenc}\usepackage{lmodern}"
    (tmp_path / "widths.tex").write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}{boxes}\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "widths.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    real = [float(number) for number in re.findall(r"^wide ([\d.]+)pt", done.stdout, flags=re.MULTILINE)]
    estimated = [width(text, size) for text in TEXTS]
    assert len(real) == len(TEXTS)
    ratios = [guess / wide for wide, guess in zip(real, estimated, strict=True)]
    assert all(0.98 <= ratio <= 1.35 for ratio in ratios), ratios


@given(st.lists(st.floats(1, 100), max_size=30), st.floats(100, 300))
def test_batches_are_everything_in_order_and_fit(sizes, room):
    runs = batches(sizes, room)
    assert [i for run in runs for i in run] == list(range(len(sizes)))
    assert all(sum(sizes[i] for i in run) <= room + 1e-6 for run in runs)


def test_batches_are_as_few_as_can_be_and_about_equally_large():
    assert batches([1] * 10, 9) == [range(5), range(5, 10)]
    assert batches([50, 1, 1], 10) == [range(1), range(1, 3)]
    assert batches([], 10) == [range(0)]


def test_batches_begin_at_breaks_where_that_leaves_none_too_small():
    assert batches([1] * 10, 7, [4]) == [range(4), range(4, 10)]
    assert batches([1] * 10, 7, [1])[0] != range(1)


def test_columns_of_words_wrap_from_the_widest_on():
    assert narrowed([10, 200, 100], 400, [0, 0, 0]) == [10, 200, 100]
    assert narrowed([10, 200, 100], 150, [0, 0, 0]) == pytest.approx([10, 70, 70], abs=0.01)
    assert narrowed([200, 200], 100, [150, 0]) == pytest.approx([150, 50], abs=0.01)


def test_names_of_variants_can_be_wrapped_at_their_signs():
    assert longest_word("wanda@only=q_proj") == max(map(width, ("wanda@", "only=", "q_", "proj")))
