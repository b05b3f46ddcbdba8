from pathlib import Path

import pytest

from prunebench.hardware import count_gpus, gpu_name, multiplies_bfloat16


def with_gpus(folder: Path, count: int) -> Path:
    for number in range(count):
        (folder / f"nvidia{number}").touch()
    return folder


@pytest.mark.parametrize(
    ("visible", "count"),
    [("", 0), ("-1", 0), ("0", 1), ("0,2", 2), ("0,-1,2", 1), ("GPU-5e1,MIG-7a0", 2), ("2,3,1", 1), ("a,b,c,d", 3)],
)
def test_the_variable_leaves_some_of_the_gpus(
    visible: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert count_gpus(with_gpus(tmp_path, 3)) == count


@pytest.mark.parametrize("visible", ["0", "0,1", "GPU-5e1"])
def test_the_variable_makes_no_gpus(visible: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert count_gpus(tmp_path) == 0


def test_without_it_the_device_files_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert count_gpus(tmp_path) == 3


@pytest.mark.parametrize(
    ("script", "name"),
    [("echo NVIDIA L40S; echo NVIDIA T4", "NVIDIA L40S"), ("exit 0", ""), ("echo no driver; exit 9", ""), (None, "")],
)
def test_the_name_is_that_of_the_first_gpu(
    script: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    gpu_name.cache_clear()
    assert gpu_name() == name
    gpu_name.cache_clear()


@pytest.mark.parametrize(
    ("flags", "has"), [("avx512f avx512_bf16 amx_tile", True), ("amx_bf16", True), ("avx512f avx2", False)]
)
def test_the_flags_say_whether_there_are_products_of_bfloat16(flags: str, has: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : fpu {flags}\n")
    assert multiplies_bfloat16(tmp_path / "cpuinfo") == has


def test_without_a_list_of_flags_there_are_none(tmp_path: Path) -> None:
    assert not multiplies_bfloat16(tmp_path / "absent")
