"""REST of recovery: `/api/recovery/`. Each operation calls the function that the command calls."""

from ninja import Router

router = Router(tags=["recovery"])
