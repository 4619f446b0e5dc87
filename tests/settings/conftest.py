import pytest

from support.command_line import Complaint, read


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Complaint:
    """What is said of options that are refused: one line, and exit status 2."""

    def refused(*flags: str, **environment: str) -> str:
        with pytest.raises(SystemExit) as ended:
            read(*flags, **environment)
        assert ended.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, "one line"
        return err

    return refused
