# From records to one table of numbers, and from that table alone to everything people look at.
localrules:
    collect,
    make_tables,
    make_figures,
    make_leaderboard,
    make_method_pages,


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
    params:
        key=gather.gather_params(RUN),
        code=COLLECT_CODE,
    message:
        "Collect all records into {output.metrics}"
    script:
        "../scripts/collect.py"


rule make_tables:
    input:
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        tables=reported(TABLES, ".csv", "Tables"),
        document=ALL_TABLES,
    log:
        "results/logs/make_tables.log",
    conda:
        "../../environment.yml"
    params:
        code=REPORT_CODE,
    message:
        "Make tables"
    script:
        "../scripts/make_tables.py"


rule make_figures:
    input:
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        reported(FIGURES, ".svg", "Figures"),
    log:
        "results/logs/make_figures.log",
    conda:
        "../../environment.yml"
    params:
        code=REPORT_CODE,
    message:
        "Make figures"
    script:
        "../scripts/make_figures.py"


rule make_leaderboard:
    input:
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        report(LEADERBOARD, caption="../report/leaderboard.rst", category="Results"),
    log:
        "results/logs/make_leaderboard.log",
    conda:
        "../../environment.yml"
    params:
        code=REPORT_CODE,
    message:
        "Make {output}"
    script:
        "../scripts/make_leaderboard.py"


rule make_method_pages:
    input:
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        report(
            METHOD_PAGES,
            caption="../report/method.rst",
            category="Methods",
        ),
    log:
        "results/logs/make_method_pages.log",
    conda:
        "../../environment.yml"
    params:
        code=REPORT_CODE,
    message:
        "Make the pages of the methods"
    script:
        "../scripts/make_method_pages.py"
