from history.conftest import closed

__all__ = ["closed"]
