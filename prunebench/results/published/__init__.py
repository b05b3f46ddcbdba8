"""Published results: `results/published/<method>.jsonl`, in git, from which the board is made without computing."""
