"""What should be notified of in situations that were met, or thought of: whole histories.

Each file says in its tests' names what happens and what should be. They run against the committed
rule file as a whole, so that an alert nobody thought of is found, too.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from support.tools import Edition

pytestmark = pytest.mark.slow("promtool evaluates all rules at every step")

FOLDER: Final = Path(__file__).parent / "histories"
HISTORIES: Final = sorted(path.name for path in FOLDER.glob("*.yaml"))


def test_every_history_is_notified_of_as_it_should(edition: Edition) -> None:
    promtool = edition.require("promtool")

    def run(name: str) -> str:
        ran = subprocess.run(
            [promtool, "test", "rules", name],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if ran.returncode == 0 else f"{name}: {ran.stdout}{ran.stderr}"

    assert len(HISTORIES) > 31
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = list(filter(None, pool.map(run, HISTORIES)))

    assert not complaints, "\n".join(complaints)
