"""Credentials from a program: what a kubeconfig names under ``exec``.

The client reads the configuration and knows the protocol; the process is ours, for the client's
own call cannot be ended: a plugin that hangs, or waits for an answer to a prompt, would stay behind
at every try.
Source: Kubernetes, "client-go credential plugins" (client.authentication.k8s.io).
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.dateutil import parse_rfc3339
from kubernetes.aio.config.exec_provider import ExecProvider
from kubernetes.aio.config.kube_config import ConfigNode

TIMEOUT: Final = 60.0
"""Seconds. Some talk to a cloud's login service."""
_MARGIN: Final = 60.0
"""Seconds before its expiry that a credential is renewed, or a fifth of its life."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a plugin gave: a token, or a certificate and its key in PEM, or both."""

    token: str | None
    certificate: str | None
    key: str | None
    renew_after: float
    """Seconds from when it was asked for until it is asked again, whatever the clock does
    meanwhile; infinite where the plugin does not say."""

    @classmethod
    def read(cls, reply: Any, started: float) -> Self:
        """Read an ExecCredential; raises ConfigException."""
        status = reply.get("status") if isinstance(reply, dict) else None
        if not isinstance(status, dict):
            raise ConfigException("its answer is no ExecCredential with a status")
        texts = [status.get(name) for name in _FIELDS]
        token, certificate, key = (text if isinstance(text, str) else None for text in texts)
        if not token and not (certificate and key):
            raise ConfigException("it gave neither a token nor a certificate with its key")
        renew_after = float("inf")
        if expires := status.get("expirationTimestamp"):
            try:
                life = max(0.0, parse_rfc3339(expires).timestamp() - started)
            except (ValueError, TypeError, AttributeError) as error:
                raise ConfigException("its expirationTimestamp is no moment") from error
            renew_after = life - min(_MARGIN, life / 5)
        return cls(token, certificate, key, renew_after)


_FIELDS: Final = ("token", "clientCertificateData", "clientKeyData")


async def run(config: ConfigNode, cluster: Mapping[str, Any] | None = None) -> Credential:
    """Run the plugin; raises ConfigException with a line that names it.

    ``cluster`` is what it is given of the cluster.
    """
    provider = ExecProvider(config)
    if config.safe_get("interactiveMode") == "Always":
        raise ConfigException(f"the credential plugin {provider.args[0]} needs a terminal")
    about: Any = {"interactive": False}
    if cluster is not None:
        about["cluster"] = cluster
    info = {"apiVersion": provider.api_version, "kind": "ExecCredential", "spec": about}
    command = str(provider.args[0])
    started = time.time()
    try:
        output = await _run(
            provider.args, provider.env | {"KUBERNETES_EXEC_INFO": json.dumps(info)}
        )
        return Credential.read(json.loads(output), started)
    except FileNotFoundError as error:
        hint = " ".join(str(config.safe_get("installHint") or "").split())[:300]
        missing = f"the credential plugin {command} is not installed"
        raise ConfigException(f"{missing}: {hint}" if hint else missing) from error
    except OSError as error:
        raise ConfigException(f"the credential plugin {command}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigException(f"the credential plugin {command}: its answer is no JSON") from error
    except ConfigException as error:
        raise ConfigException(f"the credential plugin {command}: {error}") from error


async def _run(command: list[str], environment: dict[str, str]) -> bytes:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that what it starts itself can be ended with it
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:  # it runs already, before asyncio is ready to read from it
        await _end(await starting)
        raise
    try:
        async with asyncio.timeout(TIMEOUT):
            output, errors = await process.communicate()
    except TimeoutError:
        raise ConfigException(f"no answer in {TIMEOUT:.0f} s") from None
    finally:
        await _end(process)
    if process.returncode:
        said = " ".join(errors.decode("utf-8", "replace").split())[:200]
        raise ConfigException(f"exit status {process.returncode}" + (f": {said}" if said else ""))
    return output


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it, if it runs, with all it started, also what it left behind when it ended itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    await asyncio.to_thread(_reap, process.pid)


def _reap(group: int) -> None:
    """Collect what has ended of a process group, which in a container, as PID 1, is ours to do."""
    with contextlib.suppress(ChildProcessError):  # nothing of it is a child of ours
        while True:
            os.waitpid(-group, 0)
