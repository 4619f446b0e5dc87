"""The compose project, with each of its profiles."""

import pytest

from support.compose import PROFILES, Project, project


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def compose(profile: str) -> Project:
    return project(profile)
