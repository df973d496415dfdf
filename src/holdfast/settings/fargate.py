"""What Fargate has on offer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_GIB = 1024

# Memory in MiB that a task of so many CPU units (1024 to the core) may have.
# Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
MEMORY_MIB: Mapping[int, Sequence[int]] = {
    256: (512, _GIB, 2 * _GIB),
    512: range(_GIB, 4 * _GIB + 1, _GIB),
    1024: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2048: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4096: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8192: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16384: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}


def check_size(cpu: int, memory_mib: int) -> None:
    """Pass a CPU and a memory that go together.

    Raises:
        ValueError: they do not; the text names what does.
    """
    sizes = MEMORY_MIB.get(cpu)
    if sizes is None:
        raise ValueError(f"cpu must be one of {', '.join(map(str, MEMORY_MIB))}, got {cpu}")
    if memory_mib not in sizes:
        step = f"{sizes[0]} to {sizes[-1]} MiB in steps of {sizes[1] - sizes[0]}"
        allowed = ", ".join(map(str, sizes)) if len(sizes) <= 4 else step
        raise ValueError(f"memory {memory_mib} MiB does not go with cpu {cpu}: it must be {allowed}")
