"""A review as GitHub's markdown, for the summary of a workflow or the eyes of whoever runs it."""

from collections.abc import Iterator, Sequence

from prunebench.reports.markdown import escape, table
from prunebench.review.changes import Changes
from prunebench.review.method import MethodReview
from prunebench.review.published import PublishedReview
from prunebench.trial.words import as_markdown

_CELLS = 40  # of the published ones that differ are listed


def summarise_review(
    ref: str, changes: Changes, methods: Sequence[MethodReview], published: PublishedReview, problems: Sequence[str]
) -> str:
    """The whole review: the result first, then method by method, then what is published."""
    lines = [f"# Methods, compared with {escape(ref)} ({changes.base[:10]})", ""]
    lines += [f"* **{escape(problem)}**" for problem in problems] or ["Nothing to mend."]
    lines += [f"* {escape(hint)}" for hint in published.hints]
    lines += ["", changes.remark] if changes.remark else []
    lines += ["", f"Removed: {', '.join(map(escape, changes.removed))}."] if changes.removed else []
    for method in methods:
        what = "added" if method.name in changes.added else "changed"
        lines += ["", f"## {escape(method.name)}, {what}", "", *_contract(method), "", *_trial(method)]
    if published.cells:
        lines += ["", "## Published results", "", *_cells(published)]
    return "\n".join(lines) + "\n"


def _contract(method: MethodReview) -> Iterator[str]:
    count = len(method.findings)
    yield f"Contract: {f'fails {method.failed} of' if method.failed else 'passes'} {count} checks."
    if not method.binding:
        yield "A language model wrote it and it is stored as it came, so what is wrong with it is a result."
    yield ""
    rows = [
        ["FAILED" if finding.problem else "ok", f"`{finding.check}`", escape(finding.problem or finding.promise)]
        for finding in method.findings
    ]
    yield from table(("", "check", ""), rows, (False, False, False))


def _trial(method: MethodReview) -> list[str]:
    if method.outcome is None:
        return [f"No trial: {escape(method.no_trial)}"]
    return as_markdown(method.outcome).splitlines()


def _cells(published: PublishedReview) -> Iterator[str]:
    rows = [
        [change.what, escape(change.cell), escape("; ".join(change.details))] for change in published.cells[:_CELLS]
    ]
    yield from table(("", "cell", ""), rows, (False, False, False))
    if len(published.cells) > _CELLS:
        yield f"\nand {len(published.cells) - _CELLS} more"
