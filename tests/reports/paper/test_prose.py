from prunebench.reports.paper.prose import PROBLEMS, problems_tex

README = f"""# A paper

Something else.

## {PROBLEMS}

* **Bold 5 %**: the `code_name` and 2 < 3,
  in two lines.
* *Second* one.

A paragraph.

## Afterwards

Not this.
"""


def test_the_section_of_the_readme_is_kept_with_its_marks_and_nothing_else() -> None:
    assert "\n".join(problems_tex(README)).split("\n") == [
        r"\begin{itemize}", r"\item", r"\textbf{Bold 5 \%}: the \texttt{code\_\allowbreak{}name} and 2 \textless{} 3,",
        "in two lines.", "", r"\item", r"\emph{Second} one.", "", r"\end{itemize}", "A paragraph.", "",
    ]  # fmt: skip


def test_a_readme_without_the_section_adds_nothing() -> None:
    assert problems_tex("# A paper\n\nWords.\n") == []
    assert problems_tex("") == []


def test_numbered_lists_stay_numbered_and_a_hard_break_parts_words() -> None:
    readme = f"## {PROBLEMS}\n\n1. One\\\n   more.\n2. Two.\n"
    assert "\n".join(problems_tex(readme)).split("\n") == [
        r"\begin{enumerate}", r"\item", "One", "more.", "", r"\item", "Two.", "", r"\end{enumerate}",
    ]  # fmt: skip
