"""A method file from outside: read, opened (in the sandbox, if no person wrote it) and run through the contract."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from prunebench.contract.checks import checks_for, examine
from prunebench.contract.finding import Finding
from prunebench.errors import BrokenMethod, PrunebenchError, unknown_name
from prunebench.plugins.header import find_methods, parse_variant, read_header
from prunebench.sandbox.loading import open_method
from prunebench.sandbox.policy import Policy


def examine_method(
    spec: str,
    method_paths: Iterable[str | Path],
    policy: Policy,
    only: Sequence[str] = (),
    begin: Callable[[str, str], None] = lambda name, promise: None,
) -> Iterator[Finding]:
    """Run a method through the contract, within `CONTRACT_SECONDS`.

    Args:
        spec: the method, with its variant.
        only: the names of the checks to run; all, if there are none.
        begin: told the name and the promise of each check before it is run.

    Raises:
        PrunebenchError: there is no such method, variant or check, or no sandbox for the method.
    """
    folders = list(method_paths)
    base, files = parse_variant(spec)[0], find_methods(folders)
    if base not in files:
        raise unknown_name("method", base, files, " ".join(map(str, folders)))
    try:
        read_header(files[base])
    except PrunebenchError as error:
        yield Finding("header_valid", "the header can be read; nothing else can be checked before it is", str(error))
        return
    with ExitStack() as opened:
        try:
            method = opened.enter_context(open_method(spec, folders, policy))
        except BrokenMethod as error:
            promise = "the file can be imported; nothing else can be checked before it is"
            yield Finding("header_valid", promise, str(error))
            return
        known = {check.name: check for check in checks_for(method.header)}
        for name in only:
            if name not in known:
                raise unknown_name("check", name, known, f"the contract of {base}")
        for check, problem in examine(method, [known[name] for name in only or known], begin):
            yield Finding(check.name, check.promise, problem)
