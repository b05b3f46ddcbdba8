"""What a machine does per second. All the figures that estimates rest on, with where they are from."""

from dataclasses import dataclass

from prunebench.cost.work import BYTES, Work
from prunebench.hardware import multiplies_bfloat16


@dataclass(frozen=True)
class Rates:
    """Of one device and dtype, per second; the attributes are those of `Work`, `launch` is seconds for each."""

    products: float
    single: float
    double: float
    decompositions: float
    launch: float
    reads: float
    elements: float
    selected: float
    stored: float

    def seconds(self, work: Work) -> float:
        """What the work takes."""
        return (
            work.products / self.products
            + work.single / self.single
            + work.double / self.double
            + work.decompositions / self.decompositions
            + work.launches * self.launch
            + work.reads / self.reads
            + work.elements / self.elements
            + work.selected / self.selected
            + work.stored / self.stored
            + work.seconds
        )


# One thread of an AMD EPYC (AVX-512 with bfloat16) of a machine with 2 cores, measured 2026-11 on the layers of
# SmolLM2-135M; benchmarks/rates.py measures them anew. More threads are taken to share all but launches, memory, disk.
_CPU_PRODUCTS, _CPU_BFLOAT16_PRODUCTS = 92e9, 240e9
_CPU_SINGLE = 110e9  # X^T X, fp32
_CPU_DOUBLE = 60e9
_CPU_DECOMPOSITIONS = 45e9  # Cholesky and triangular solve fp32, eigh fp64 as 9 n^3
_CPU_LAUNCH = 5e-4  # about 25 operations of a block, on a few tokens
_CPU_MEMORY = 2e10  # bytes
_CPU_ELEMENTS = 2.5e9  # taken to fp32, worked on, reduced; thrice as many where they stay in the cache
_CPU_SELECTED = 5.5e7  # kthvalue in rows, masks of both sides, ties

# Half precision and fp32 (TF32 off) FLOP/s and bytes/s of the data sheets, by what nvidia-smi's name holds; 40 % of
# the FLOP/s and 60 % of the bytes/s are counted on. Not measured here: a first run's records correct them.
_GPUS = {
    "H200": (989e12, 67e12, 67e12, 4.8e12),
    "H100": (989e12, 67e12, 67e12, 3.35e12),
    "A100": (312e12, 19.5e12, 19.5e12, 1.9e12),
    "L40": (181e12, 90e12, 1.4e12, 0.86e12),
    "A6000": (155e12, 38e12, 0.6e12, 0.77e12),
    "4090": (165e12, 82e12, 1.3e12, 1.0e12),
    "3090": (71e12, 35e12, 0.55e12, 0.94e12),
    "V100": (112e12, 14e12, 7e12, 0.9e12),
    "T4": (65e12, 8e12, 0.25e12, 0.32e12),
}
_UNKNOWN_GPU = (65e12, 8e12, 0.25e12, 0.32e12)
_GPU_SHARE, _GPU_MEMORY_SHARE = 0.4, 0.6
_GPU_LAUNCH = 1e-3  # about 40 kernels of an eager block, from Python
_GPU_DECOMPOSITIONS = 0.02  # of fp32: the factorisations of one matrix at a time keep little of a GPU busy

_DISK = 5e8  # bytes/s written, hashed and read back


def cpu_rates(dtype: str, threads: int) -> Rates:
    """Of so many threads."""
    bfloat16 = dtype == "bfloat16" and multiplies_bfloat16()  # without the instructions it is cast
    return Rates(
        products=(_CPU_BFLOAT16_PRODUCTS if bfloat16 else _CPU_PRODUCTS) * threads,
        single=_CPU_SINGLE * threads,
        double=_CPU_DOUBLE * threads,
        decompositions=_CPU_DECOMPOSITIONS * threads,
        launch=_CPU_LAUNCH,
        reads=_CPU_MEMORY / BYTES.get(dtype, 4),
        elements=_CPU_ELEMENTS * threads,
        selected=_CPU_SELECTED * threads,
        stored=_DISK,
    )


def gpu_rates(dtype: str, name: str) -> Rates:
    """Of a GPU by its product name; one that is not in the table counts as a small one."""
    known = next((figures for part, figures in _GPUS.items() if part in name), _UNKNOWN_GPU)
    half, single, double, memory = known
    bandwidth = memory * _GPU_MEMORY_SHARE
    return Rates(
        products=(single if dtype == "float32" else half) * _GPU_SHARE,
        single=single * _GPU_SHARE,
        double=double * _GPU_SHARE,
        decompositions=single * _GPU_DECOMPOSITIONS,
        launch=_GPU_LAUNCH,
        reads=bandwidth / BYTES.get(dtype, 4),
        elements=bandwidth / 8,  # an fp32 number is read and written
        selected=bandwidth / 400,  # a sort goes over the numbers some fifty times
        stored=_DISK,
    )
