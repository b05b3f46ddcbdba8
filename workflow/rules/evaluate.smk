# One job per sweep and kind of evaluation, one record per cell; see prune.smk for why the rules come in a loop.
for kind in RUN.evaluate:
    for chunk in GRID.evaluated(kind):

        rule:
            name:
                f"evaluate_{kind}_{chunk.name}"
            input:
                model=of_sweep(MODEL),
                data=evaluation_data(kind),
                patches=expand(PATCH, target=chunk.targets, allow_missing=True),
                records=expand(PRUNE_RECORD, target=chunk.targets, allow_missing=True),
            output:
                update(
                    expand(
                        EVALUATION_RECORD,
                        target=chunk.targets,
                        kind=kind,
                        allow_missing=True,
                    )
                ),
            log:
                f"results/logs/evaluate_{kind}/{{sweep}}/{chunk.name}.log",
            wildcard_constraints:
                sweep=sweep_pattern(chunk.sweeps),
            group:
                ALLOCATION
            conda:
                "../../environment.yml"
            threads: RUN.threads
            resources:
                device=1,
                cpus_per_task=RUN.threads,
                attempt=lambda wildcards, attempt: attempt,
                runtime=minutes(kind, chunk),
                mem_mb=memory(kind),
            params:
                kind=kind,
                key=evaluation_digest(kind),
            message:
                f"Evaluate {kind} of {{wildcards.sweep}}: {' '.join(chunk.targets)}"
            script:
                "../scripts/evaluate.py"
