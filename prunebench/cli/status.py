"""`prunebench status`: what has become of the cells of a config."""

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile


def status(configfile: ConfigFile = DEFAULT_CONFIG) -> None:
    """Count the cells of the config by model, method and status, and list the failed ones with their reasons.

    Reads the records only: one made from older code or settings counts like any other.
    """
    from collections import Counter
    from typing import get_args

    from rich.table import Table

    from prunebench.cli.cells import MISSING, read_states
    from prunebench.cli.options import make_console, read_config
    from prunebench.results.records import Status

    console = make_console()
    states = read_states(read_config(configfile))
    counts = Counter((s.cell.sweep.model, s.cell.sweep.method, s.decisive.status) for s in states)
    total = Counter(state.decisive.status for state in states)
    statuses = [name for name in (*get_args(Status), MISSING) if total[name]]

    table = Table("model", "method", box=None, pad_edge=False)
    for name in statuses:
        table.add_column(name, justify="right")
    for model, method in dict.fromkeys((s.cell.sweep.model, s.cell.sweep.method) for s in states):
        numbers = [counts[model, method, name] for name in statuses]
        table.add_row(model, method, *(str(number) if number else "." for number in numbers))
    console.print(table)
    summary = ", ".join(f"{total[name]} {name}" for name in statuses)
    console.print(f"\n{len(states)} cells: {summary}")

    for state in states:
        record = state.decisive
        if record.status not in ("ok", MISSING):
            name = f"{state.cell.sweep.path}/{state.cell.target}"
            console.print(f"{record.status}  {name}: {record.reason}", markup=False, soft_wrap=True)
