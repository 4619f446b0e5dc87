"""What should be notified of in situations that were met, or thought of: whole histories.

Each file says in its tests' names what happens and what should be. They run against the committed
rule file as a whole, so that an alert nobody thought of is found, too. The oldest promtool runs
them, which takes minutes; where versions differ shows in each rule's own cases.
"""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from support.tools import Edition

pytestmark = pytest.mark.slow("promtool evaluates all rules at every step")

FOLDER: Final = Path(__file__).parent / "histories"
HISTORIES: Final = sorted(path.name for path in FOLDER.glob("*.yaml"))


def test_the_histories_are_there() -> None:
    assert len(HISTORIES) > 31


@pytest.mark.parametrize("history", HISTORIES)
def test_it_is_notified_of_as_it_should(history: str) -> None:
    ran = subprocess.run(
        [Edition.DEBIAN.require("promtool"), "test", "rules", history],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
