# A paper's own tables and figures beside the leaderboard; included only if the config names a paper.
localrules:
    make_paper,


rule make_paper:
    input:
        layout=PAPER_LAYOUT,
        published=PAPER_NUMBERS,
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        page=report(
            PAPER_PAGE, caption="../report/paper.rst", category="Paper"
        ),
        files=PAPER_FILES,
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
