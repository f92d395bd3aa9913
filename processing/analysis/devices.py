"""Where the arithmetic runs, and how many photos go there at once."""

import torch

CPU_BATCH_SIZE = 4
CUDA_BATCH_MAX = 32
# Tiles and sample of one photo in 8 bits and the workspace in 32 bits, rounded up.
PHOTO_BYTES = 64_000_000


def open_device(wanted: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda:N" into a device. Raises ValueError for a device that is not there."""
    if wanted == "auto":
        wanted = "cuda:0" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"Device {wanted!r} is not there: torch sees no CUDA device. Use auto or cpu.")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ValueError(f"Device {wanted!r} is not known: use auto, cpu or cuda:N.") from error
    if device.type == "cpu":
        torch.set_num_threads(1)
    return device


def name_device(device: torch.device) -> str:
    """Say which device it is in words a log reader knows."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def count_held_bytes(device: torch.device) -> int | None:
    """Count the device memory that this process holds, whether in use or kept for reuse; None on the CPU."""
    return torch.cuda.memory_reserved(device) if device.type == "cuda" else None


def count_batch(device: torch.device) -> int:
    """Count the photos that fit a quarter of the device's free memory; a few on the CPU."""
    if device.type != "cuda":
        return CPU_BATCH_SIZE
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return max(1, min(CUDA_BATCH_MAX, free_bytes // 4 // PHOTO_BYTES))
