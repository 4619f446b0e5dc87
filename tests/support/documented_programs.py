"""The programs that pages tell one to run, in a folder to be put first on PATH.

Some are the real ones, turned to an exporter of the test; the others are recorded, and what they
were asked is judged afterwards: there is no engine, no registry and no second machine here.
"""

import itertools
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml

from exporter import __version__
from support.command_line import read_demo
from support.compose import project
from support.tools import ROOT

_RECORD: Final = """\
import json, os, sys
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
"""
_EXPORTER: Final = """\
import sys
COMMANDS = ("demo", "snapshot", "history", "metrics", "rules", "--version")
if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
    from exporter.cli import main
    raise SystemExit(main(sys.argv[1:]))
from support.command_line import read  # `serve`: its options are read, and it is not started
read(*sys.argv[1:])
"""
_CURL: Final = """\
import os, sys
from urllib.request import urlopen
for url in sys.argv[1:]:
    if not url.startswith("-"):
        assert url.startswith("localhost:10937/"), url
        address = "http://" + url.replace("localhost:10937", os.environ["EXPORTER"], 1)
        sys.stdout.buffer.write(urlopen(address, timeout=20).read())
"""
_WITHIN: Final = """\
import os, shutil, subprocess
LEDGERS = "/var/lib/browsertrix-exporter"
words = [word.replace(LEDGERS, os.getcwd()) for word in sys.argv[1:]]
if "exec" in words:  # what would run in the pod or service runs here
    start = words.index("--") + 1 if "--" in words else words.index("exec") + 2
    raise SystemExit(subprocess.run(words[start:]).returncode)
if "cp" in words:
    shutil.copy(words[-2].partition(":")[2], words[-1])
if "get" in words and "crawljobs" in words:
    import urllib.request
    import yaml
    with open(os.environ["KUBECONFIG"]) as file:
        config = yaml.safe_load(file)
    server = config["clusters"][0]["cluster"]["server"]
    asked = f"{server}/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
    sys.stdout.buffer.write(urllib.request.urlopen(asked, timeout=20).read())
"""
_PYTHON: Final = """\
import os, sys
if sys.argv[1:] == ["-m", "dashboards"]:  # else it would write into the source
    os.chdir(os.environ["SOURCE"])
    os.execv(sys.executable, [sys.executable, "-m", "dashboards", "--check"])
if sys.argv[1] == "-c":
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[0].rsplit("/")[-1:] + sys.argv[1:]) + "\\n")
"""
RECORDED: Final = ("docker", "helm", "kustomize", "kubectl", "make", "pip", "uv", "git", "amtool")
"""Programs that are not run: no engine, registry, cluster or Alertmanager is here. What pages have
of helm and kubectl to install it, ``deploy/test_documented_commands`` runs on a real API server.

What docker and kubectl would run in a container runs here, beside the ledger.
"""


def install(folder: Path) -> None:
    """Put them all there."""
    folder.mkdir(parents=True)
    program(folder / "browsertrix-exporter", _EXPORTER)
    program(folder / "curl", _CURL)
    for name in ("python", "python3"):
        program(folder / name, f"import json\n{_PYTHON}")
    for name in RECORDED:
        recording = _RECORD.replace("sys.argv[1:]", f"[{name!r}, *sys.argv[1:]]")
        program(folder / name, recording + (_WITHIN if name in {"docker", "kubectl"} else ""))


def program(path: Path, text: str) -> None:
    """Write a program in Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)


def wrong(record: Path) -> list[str]:
    """What cannot be right of what was recorded, one line each."""
    if not record.exists():
        return []
    found = []
    for line in record.read_text(encoding="utf-8").splitlines():
        name, *arguments = json.loads(line)
        if reason := _JUDGES.get(name, _accept)(arguments):
            found.append(f"{reason}: {shlex.join([name, *arguments])}")
    return found


def _accept(_: Sequence[str]) -> str:
    return ""


def _docker(arguments: Sequence[str]) -> str:
    match arguments:
        case ["build", "--tag", tag, "."]:
            return "" if tag == _image() else f"the image is {_image()}"
        case ["image", "inspect", "--format", _, image]:
            return "" if image == _image() else f"the image is {_image()}"
        case ["compose", *rest]:
            return _compose(rest)
        case _:
            return "unknown to this check"


def _image() -> str:
    return project("demo").services["simulator"].image


_COMPOSE: Final[Mapping[str, frozenset[str]]] = {
    "up": frozenset({"--build", "--wait", "--detach"}),
    "down": frozenset({"--volumes"}),
    "logs": frozenset({"--follow"}),
    "exec": frozenset(),
    "cp": frozenset(),
}


def _compose(arguments: Sequence[str]) -> str:
    words = list(arguments)
    while words and words[0] in {"--project-directory", "--env-file"}:
        if not (ROOT / words[1]).exists():
            return f"{words[1]} does not exist"
        del words[:2]
    verb, *rest = words
    if verb not in _COMPOSE:
        return "unknown to this check"
    flags = {word for word in rest[:3] if word.startswith("--")}
    names = [word.partition(":")[0] for word in rest if not word.startswith("-")][:1]
    if flags - _COMPOSE[verb]:
        return f"{verb} has no {flags}"
    if verb in {"logs", "exec", "cp"} and not set(names) <= project("demo").services.keys():
        return f"no service {names}"
    return ""


def _helm(arguments: Sequence[str]) -> str:
    for chart in arguments:
        if chart.startswith("oci://"):
            version = dict(itertools.pairwise(arguments)).get("--version")
            if version != __version__ or not chart.endswith("/browsertrix-exporter"):
                return f"a release's chart is browsertrix-exporter, its version {__version__}"
    return ""


def _make(arguments: Sequence[str]) -> str:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [one for one in arguments if "=" not in one]
    variables = dict(one.split("=", 1) for one in arguments if "=" in one)
    missing = [target for target in targets if f"\n{target}:" not in makefile]
    missing += [name for name in variables if f"$({name})" not in makefile]
    if missing:
        return f"no target or variable {missing}"
    if targets == ["demo"]:
        try:
            read_demo(*shlex.split(variables.get("ARGS", "")))
        except SystemExit:
            return "the demo refuses these options"
    return ""


def _pip(arguments: Sequence[str]) -> str:
    for flag, value in itertools.pairwise(arguments):
        if flag == "--requirement" and not (ROOT / value).exists():
            return f"{value} does not exist"
    return "" if "install" in arguments else "unknown to this check"


def _kubectl(arguments: Sequence[str]) -> str:
    for flag, value in itertools.pairwise(arguments):
        if flag == "--filename" and value != "-":
            if not (ROOT / value).exists():
                return f"{value} does not exist"
            list(yaml.safe_load_all((ROOT / value).read_text(encoding="utf-8")))
    return ""


_JUDGES: Final[Mapping[str, Callable[[Sequence[str]], str]]] = {
    "docker": _docker,
    "helm": _helm,
    "make": _make,
    "pip": _pip,
    "kubectl": _kubectl,
}
