# One image for every part: Airflow's API server, scheduler, DAG processor, triggerer and workers, the
# MLflow server, and the command line. Which of them a container is, its command says.

# The version of what installs, apart from the rest of the lock: a change there must not cost all
# packages anew.
FROM python:3.13-slim AS pins
COPY requirements.txt ./
RUN grep -o '^uv==[^ ]*' requirements.txt >/pins.txt

FROM python:3.13-slim AS tools
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_NO_CACHE=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /opt/mlfactory
COPY --from=pins /pins.txt /pins.txt
# where another package index is to be used
ARG UV_DEFAULT_INDEX
ARG PIP_INDEX_URL=${UV_DEFAULT_INDEX}
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --requirement /pins.txt

# Which packages of the lock run here; development's stay out. A stage of its own, so that they are
# installed anew only if they are others, whatever else changed in pyproject.toml.
FROM tools AS lock
# without "--group demo" the demonstration products have no data
ARG DEPENDENCY_GROUPS="--group server --group demo"
COPY pyproject.toml requirements.txt ./
RUN /opt/tools/bin/uv pip compile --quiet --no-header --no-annotate \
        --constraint requirements.txt ${DEPENDENCY_GROUPS} pyproject.toml --output-file /lock.txt

FROM tools AS packages
COPY --from=lock /lock.txt /lock.txt
RUN python -m venv --without-pip /opt/venv && cp /lock.txt /opt/venv/lock.txt \
    && /opt/tools/bin/uv pip install --quiet --no-deps --python /opt/venv/bin/python \
        --requirement /lock.txt \
    && find /opt/venv -depth -type d \( -name tests -o -path '*/pyarrow/include' \) \
        -exec rm -rf {} +
ARG CYCLONEDX=cyclonedx-bom==7.5.0
RUN /opt/tools/bin/uv pip install --quiet --python /opt/tools/bin/python ${CYCLONEDX} \
    && /opt/tools/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
        --output-file /opt/venv/sbom.cdx.json /opt/venv/bin/python

# What is ours, apart from the packages: a change of it makes a layer of a few megabytes.
FROM packages AS ours
COPY . .
RUN touch /tmp/before \
    && /opt/tools/bin/uv pip install --quiet --python /opt/venv/bin/python --no-deps --editable . \
    && rm -rf include/mlfactory.egg-info \
    && /opt/venv/bin/python -m compileall -q include/mlfactory plugins \
    && mkdir /installed && cd /opt/venv \
    && find . -type f -newer /tmp/before -path '*mlfactory*' -exec cp --parents {} /installed \;

# What a backup copies PostgreSQL with: two programs and the libraries they need. Debian's package
# would bring Perl and ten times the size.
FROM python:3.13-slim AS postgres
RUN apt-get update -qq \
    && apt-get install --yes -qq --no-install-recommends postgresql-client-17 >/dev/null \
    && mkdir -p /opt/postgres/bin /opt/postgres/lib \
    && for program in pg_dump pg_restore; do \
        cp "/usr/lib/postgresql/17/bin/$program" /opt/postgres/bin/ \
        && ldd "/opt/postgres/bin/$program" | awk '$3 ~ /^\// {print $3}' \
            | grep -vE '/(libc|libm|libdl|libpthread|libresolv|librt)\.so' \
            | xargs cp --dereference --target-directory /opt/postgres/lib \
        && printf '#!/bin/sh\nLD_LIBRARY_PATH=/opt/postgres/lib exec /opt/postgres/bin/%s "$@"\n' \
            "$program" >"/usr/local/bin/$program" \
        && chmod 755 "/usr/local/bin/$program"; \
    done

FROM python:3.13-slim
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ML Factory" \
      org.opencontainers.image.revision=${REVISION}
RUN useradd --uid 50000 --create-home --home-dir /home/factory factory \
    && install -d -o factory -g factory /var/lib/mlfactory /run/mlfactory
COPY --from=postgres /opt/postgres /opt/postgres
COPY --from=postgres /usr/local/bin/pg_dump /usr/local/bin/pg_restore /usr/local/bin/
COPY --from=packages /opt/venv /opt/venv
COPY --from=ours /installed /opt/venv
COPY --from=ours /opt/mlfactory /opt/mlfactory
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MLFACTORY_HOME=/var/lib/mlfactory \
    MLFLOW_DISABLE_TELEMETRY=true
WORKDIR /opt/mlfactory
USER factory
VOLUME /var/lib/mlfactory
HEALTHCHECK --interval=10s --timeout=8s --retries=6 --start-period=90s \
    CMD ["python", "-I", "/opt/mlfactory/include/mlfactory/cli/server/health.py"]
CMD ["mlfactory", "--help"]
