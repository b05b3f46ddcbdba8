"""On PYTHONPATH of a Snakemake under test: it looks at its Slurm jobs every second, not ever more rarely."""

import os
import sys

if any(os.path.basename(argument) == "snakemake" for argument in sys.orig_argv[:4]):
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    _between = RemoteExecutor.next_seconds_between_status_checks
    RemoteExecutor.next_seconds_between_status_checks = property(
        lambda executor: min(_between.fget(executor), 1.0), _between.fset
    )
