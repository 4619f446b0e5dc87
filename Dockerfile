# The exporter as an image: small, not root, at home on a read-only root file system.
#
#   docker build --tag browsertrix-exporter .
#   docker run --read-only --tmpfs /tmp --publish 10937:10937 \
#     --volume ~/.kube/config:/kubeconfig:ro browsertrix-exporter --kubeconfig /kubeconfig
#
# Nothing is kept in /tmp, not even the certificates that a kubeconfig holds; SQLite would sort there
# what is too large for memory.

ARG PYTHON_IMAGE=python:3.13-slim


FROM ${PYTHON_IMAGE} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source

# Dependencies before the code: they change less often. What builds the package stays behind, and
# so does pip.
RUN python -m venv --without-pip /opt/exporter && python -m venv /opt/build
COPY requirements/runtime.lock requirements/build.lock requirements/
RUN /opt/build/bin/python -m pip --python /opt/exporter/bin/python install \
      --no-compile --require-hashes --only-binary :all: --requirement requirements/runtime.lock \
 && /opt/build/bin/python -m pip install \
      --require-hashes --only-binary :all: --requirement requirements/build.lock

COPY pyproject.toml README.md LICENSE ./
COPY alerts/alertmanager.yml alerts/browsertrix.rules.yaml alerts/
COPY exporter exporter
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /wheel \
 && /opt/build/bin/python -m pip --python /opt/exporter/bin/python install \
      --no-compile --no-deps --no-index /wheel/*.whl

# Compiled once and for all: nobody can write there later. By hash and not by time, so that the same
# inputs are the same layer, also with times rewritten (SOURCE_DATE_EPOCH). What the Kubernetes client
# has for each kind of object, a third of all, is never loaded.
RUN python -m compileall -q --invalidation-mode unchecked-hash \
      -x 'kubernetes/(aio/)?client/(api|models)/[a-z]' /opt/exporter/lib

# A new volume that is mounted there is its user's, as is the folder that it hides.
RUN mkdir --parents /ledger


FROM ${PYTHON_IMAGE}

ARG REVISION=unknown
LABEL org.opencontainers.image.title="browsertrix-exporter" \
      org.opencontainers.image.description="Prometheus metrics exporter and alerting sidecar for Browsertrix CrawlJobs on Kubernetes" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="https://github.com/browsertrix-exporter/browsertrix-exporter" \
      org.opencontainers.image.documentation="https://github.com/browsertrix-exporter/browsertrix-exporter/blob/main/README.md" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/exporter /opt/exporter
COPY --from=build --chown=65532:65532 /ledger /var/lib/browsertrix-exporter
ENV PATH=/opt/exporter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# A number, so that Kubernetes can see that it is not root (runAsNonRoot). It is in no passwd file,
# and the Kubernetes client cannot be imported by somebody without a home.
ENV HOME=/
USER 65532:65532
WORKDIR /
EXPOSE 10937

# Kubernetes has probes of its own and ignores this. With another --web.listen-address, or with
# TLS, give the engine another check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 10937, timeout=4); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]

# Exec form: the exporter itself gets SIGTERM, and lets scrapes under way finish.
ENTRYPOINT ["browsertrix-exporter"]
