"""What Browsertrix's API refuses."""

from typing import Any


class RefusedError(Exception):
    """The answer is ``status`` with ``detail``."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def body(self) -> dict[str, Any]:
        """As FastAPI writes it."""
        return {"detail": self.detail}
