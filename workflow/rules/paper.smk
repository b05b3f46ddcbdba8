# A paper's own tables and figures beside the leaderboard; included only if the config names a paper.
localrules:
    make_paper,


rule make_paper:
    input:
        layout=PAPER.layout,
        published=PAPER.numbers,
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        page=report(PAPER.page[0], caption="../report/paper.rst", category="Paper"),
        files=PAPER.files,
    log:
        "results/logs/make_paper.log",
    conda:
        "../../environment.yml"
    params:
        code=REPORT_CODE,
    message:
        "Make {output.page}"
    script:
        "../scripts/make_paper.py"
