from pathlib import Path
from typing import Any

import pytest
import yaml

from prunebench.config.load import load_config, needed_texts
from prunebench.errors import PrunebenchError

Mapping = dict[str, Any]


def change_registry(mapping: Mapping, name: str, change: Any) -> None:
    path = Path(mapping["registry"][name])
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def test_names_are_looked_up(mapping: Mapping) -> None:
    config = load_config(mapping)
    assert config.protocol_spec.calibration.nsamples == 2
    assert set(config.model_registry) == {"one", "two"}
    assert set(config.data.texts) == {"web", "wiki"}
    assert set(config.method_files) == {"alpha", "beta", "dense"}


def test_the_texts_a_run_reads_are_those_of_its_protocol_each_once(mapping: Mapping) -> None:
    assert needed_texts(load_config(mapping)) == ("web", "wiki")
    change_registry(mapping, "protocols", lambda p: p["small"]["perplexity"].update(texts=["wiki", "web"]))
    assert needed_texts(load_config(mapping)) == ("web", "wiki")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"protocol": "smal"}, "unknown protocol 'smal' in config; did you mean 'small'?"),
        ({"models": ["onne"]}, "unknown model 'onne' in config; did you mean 'one'?"),
        ({"methods": ["alhpa"]}, "unknown method 'alhpa' in config; did you mean 'alpha'?"),
        ({"methods": ["alpha@powr=2"]}, "unknown parameter 'powr' in method 'alpha@powr=2'; did you mean 'power'?"),
        ({"methods": ["alpha@nsample=2"]}, "did you mean 'nsamples'?"),
        ({"methods": ["alpha@power=much"]}, "power=much does not fit the default 1.0 in type"),
        ({"methods": ["alpha@mode=slwo"]}, "unknown value of 'mode' 'slwo' in method 'alpha@mode=slwo'; did you mean"),
        ({"zeroshot_tasks": ["piqqa"]}, "unknown task 'piqqa' in config; did you mean 'piqa'?"),
        ({"zeroshot_tasks": []}, "`zeroshot_tasks` is empty"),
        ({"method_paths": ["nowhere"]}, "nowhere"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(mapping: Mapping, values: Mapping, message: str) -> None:
    with pytest.raises(PrunebenchError) as error:
        load_config({**mapping, **values})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("registry", "change", "message"),
    [
        ("models", lambda m: m["one"].update(titel="x"), "entry 'one': unknown key 'titel'; did you mean 'title'?"),
        ("models", lambda m: m["one"]["source"].update(kind="lokal"), "did you mean 'local'?"),
        ("data", lambda d: d["texts"]["web"].update(format="line"), "did you mean 'lines'?"),
        ("data", lambda d: d.update(text={}), "unknown key 'text'; did you mean 'texts'?"),
        ("protocols", lambda p: p["small"]["calibration"].update(seqln=2), "calibration: unknown key 'seqln'"),
        ("protocols", lambda p: p["small"]["calibration"].update(text="wbe"), "entry 'small'; did you mean 'web'?"),
        ("protocols", lambda p: p["small"]["perplexity"].update(texts=["wki"]), "did you mean 'wiki'?"),
    ],
)
def test_mistakes_in_a_registry_are_refused(mapping: Mapping, registry: str, change: Any, message: str) -> None:
    change_registry(mapping, registry, change)
    with pytest.raises(PrunebenchError) as error:
        load_config(mapping)
    assert message in str(error.value)
    assert f"{registry}.yaml" in str(error.value)


def test_a_trained_model_needs_its_text_in_the_registry(mapping: Mapping) -> None:
    sizes = dict.fromkeys(["vocabulary", "hidden", "layers", "heads", "feedforward", "steps", "batch"], 2)
    source = {"kind": "train", "architecture": "opt", "text": "wbe", "positions": 16, "learning_rate": 0.1, **sizes}
    change_registry(mapping, "models", lambda m: m["one"].update(source=source))
    with pytest.raises(PrunebenchError, match=r"unknown text 'wbe' in .*; did you mean 'web'\?"):
        load_config(mapping)


def test_a_broken_method_file_is_no_mistake_of_the_config(mapping: Mapping) -> None:
    Path(mapping["method_paths"][0], "broken.py").write_text("def score(:\n")
    config = load_config({**mapping, "methods": ["broken"]})
    assert config.methods == ("broken",)


def test_without_the_dense_method_there_is_no_dense_row(mapping: Mapping) -> None:
    Path(mapping["method_paths"][0], "dense.py").unlink()
    with pytest.raises(PrunebenchError, match=r"no dense\.py"):
        load_config(mapping)


def test_mapped_weights_are_for_linux(mapping: Mapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(PrunebenchError, match="mapped needs Linux, and this is darwin; choose auto or memory"):
        load_config({**mapping, "weights": "mapped"})
    assert load_config({**mapping, "weights": "auto"}).weights == "auto"


def test_loading_what_was_loaded_changes_nothing(mapping: Mapping) -> None:
    assert load_config(mapping) == load_config(mapping)


@pytest.mark.parametrize("value", ["0", "-3", "1e2", "32.0", "abc", "True"])
def test_a_number_of_samples_is_a_positive_whole_number(mapping: Mapping, value: str) -> None:
    mapping["methods"] = [f"alpha@nsamples={value}"]
    with pytest.raises(PrunebenchError, match="nsamples is a number of calibration sequences, 1 or more"):
        load_config(mapping)


@pytest.mark.parametrize("variant", ["lora=8", "nsamples=4", "power=2"])
def test_a_variant_of_the_dense_model_is_refused(mapping: Mapping, variant: str) -> None:
    mapping["methods"] = ["dense"]
    load_config(mapping)
    mapping["methods"] = ["alpha", f"dense@{variant}"]
    with pytest.raises(PrunebenchError, match=rf"method 'dense@{variant}': the dense model .* no variants"):
        load_config(mapping)


def test_a_misspelt_reference_is_refused(mapping: Mapping) -> None:
    model = mapping["models"][0]
    change_registry(mapping, "models", lambda models: models[model].update(reference={"nowhere": {}}))
    with pytest.raises(PrunebenchError, match=rf"unknown protocol 'nowhere' in .*reference of '{model}'"):
        load_config(mapping)
    known = {mapping["protocol"]: {"no-text": 3.0}}
    change_registry(mapping, "models", lambda models: models[model].update(reference=known))
    with pytest.raises(PrunebenchError, match=rf"unknown text 'no-text' in .*reference of '{model}'"):
        load_config(mapping)
