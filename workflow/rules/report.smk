REPORTS = []


rule collect:
    input:
        RECORDS,
    output:
        metrics=METRICS,
        provenance=PROVENANCE,
    log:
        "results/logs/collect.log",
    conda:
        "../../environment.yml"
    script:
        "../scripts/collect.py"
