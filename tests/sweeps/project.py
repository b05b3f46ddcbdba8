"""A project in a temporary folder: a tiny random Llama with a tokenizer, token ids, registries and methods."""

import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from prunebench.data.calibration import write_calibration
from prunebench.data.windows import write_windows
from prunebench.files import sha256_file
from prunebench.layout import CALIBRATION, MODEL, TASK, WINDOWS, Sweep
from prunebench.sealed import write_sealed_json
from prunebench.sweeps.jobs import evaluate_sweep, prune_sweep

PROTOCOL, MODEL_NAME, SEED = "tiny-16", "tiny", 0
LOG = Path("job.log")
METHODS = Path(__file__).parents[2] / "methods"

# Counts its calls in a file, since what it computes in a worker cannot be seen from here.
GOOD = '''
"""Magnitude, and a line in `calls` for every cell."""
METHOD = {"title": "T", "family": "f", "patterns": ["unstructured", "n:m"], "group": "row", "needs": []}

def score(weight, inputs, layer, target):
    if layer.name.endswith("layers.0.self_attn.q_proj"):
        with open("calls", "a") as file:
            file.write(target.token + "\\n")
    return weight.abs()
'''
DENSE = """
METHOD = {"title": "Dense", "family": "dense", "patterns": ["dense"], "group": None}

def prune_model(model, calibration, target):
    pass
"""


class Project:
    """Lies in the working directory; `config` is what a Snakemake script would hand over."""

    def __init__(self) -> None:
        self.root = Path.cwd()
        Path("config").mkdir()
        Path("methods").mkdir()
        self.method("dense", DENSE)
        self.method("good", GOOD)
        self._write_registries()
        folder = Path(MODEL.format(model=MODEL_NAME)).parent
        make_model(folder)
        self.write_calibration()
        self.write_windows("text-a", seed=1)
        self.write_windows("text-b", seed=2)
        self.config: dict[str, Any] = {
            "protocol": PROTOCOL,
            "models": [MODEL_NAME],
            "methods": ["good"],
            "targets": ["u50"],
            "evaluate": ["perplexity"],
            "limits": {"cell_minutes": 2, "memory_gb": None},
        }

    def _write_registries(self) -> None:
        local = {"kind": "local", "path": "unused"}
        text = {"title": "T", "source": local, "format": "lines", "domain": "d"}
        self._yaml("models", {MODEL_NAME: {"title": "Tiny", "source": local}})
        self._yaml("data", {"texts": {"text-a": text, "text-b": text}, "tasks": {}})
        self.write_protocol()

    def write_tasks(self, *names: str) -> None:
        """Tasks without items, and the manifests of their assets."""
        text = yaml.safe_load(Path("config/data.yaml").read_text())["texts"]
        task = {"title": "T", "source": {"kind": "local", "path": "unused"}, "format": "arrow", "split": "test"}
        self._yaml("data", {"texts": text, "tasks": {name: {**task, "lm_eval_task": name} for name in names}})
        for name in names:
            manifest = Path(TASK.format(task=name))
            write_sealed_json(manifest, {"files": {}})

    def write_protocol(self, texts: tuple[str, ...] = ("text-a",), **extra: Any) -> None:
        protocol = {
            "title": "Tiny",
            "dtype": {"cpu": "float32", "cuda": "float32"},
            "calibration": {"text": "text-a", "nsamples": 4, "seqlen": 16},
            "perplexity": {"texts": list(texts), "window": 16},
            "generation": {"prompt": "University is", "max_new_tokens": 3},
        }
        self._yaml("protocols", {PROTOCOL: {**protocol, **extra}})

    def _yaml(self, name: str, content: Any) -> None:
        Path(f"config/{name}.yaml").write_text(yaml.safe_dump(content))

    def write_calibration(self, seed: int = 0, samples: int = 4) -> None:
        path = Path(CALIBRATION.format(protocol=PROTOCOL, model=MODEL_NAME, seed=SEED))
        write_calibration(path, random_ids(samples, seed), {"text": "text-a"})

    def write_windows(self, text: str, seed: int) -> None:
        path = Path(WINDOWS.format(protocol=PROTOCOL, model=MODEL_NAME, text=text))
        write_windows(path, random_ids(3, seed), {"text": text})

    def method(self, name: str, source: str) -> None:
        Path(f"methods/{name}.py").write_text(source)

    def use_shipped(self, name: str) -> None:
        shutil.copy(METHODS / f"{name}.py", "methods")

    def sweep(self, method: str = "good") -> Sweep:
        return Sweep(PROTOCOL, MODEL_NAME, method, SEED)

    def prune(self, *targets: str, method: str = "good", **config: Any) -> None:
        prune_sweep(self._config(method, config), self.sweep(method).path, list(targets), LOG)

    def evaluate(self, *targets: str, kind: Any = "perplexity", method: str = "good", **config: Any) -> None:
        evaluate_sweep(self._config(method, config), self.sweep(method).path, kind, list(targets), LOG)

    def _config(self, method: str, changes: dict[str, Any]) -> dict[str, Any]:
        return {**self.config, "methods": [method], **changes}

    @property
    def calls(self) -> list[str]:
        """The targets the method `good` was really called for, in order."""
        path = Path("calls")
        return path.read_text().split() if path.exists() else []


def random_ids(rows: int, seed: int) -> torch.Tensor:
    return torch.randint(3, 250, (rows, 16), generator=torch.Generator().manual_seed(seed))


def make_model(folder: Path, layers: int = 2, seed: int = 0) -> None:
    """A random Llama over bytes with a finished asset's manifest."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        "llama", vocab_size=260, hidden_size=32, intermediate_size=48, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        bos_token_id=0, eos_token_id=0, pad_token_id=None,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({"<s>": 0, **{letter: number for number, letter in enumerate(letters, 1)}}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="<s>").save_pretrained(folder)
    files = {file.name: sha256_file(file) for file in sorted(folder.iterdir()) if file.name != "asset.json"}
    manifest = {"name": folder.name, "title": "Tiny", "files": files, "positions": 64, "tokenizer_sha256": "0"}
    write_sealed_json(folder / "asset.json", manifest)
