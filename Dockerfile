# One image for web, worker, beat and release: compose.yaml says which is which.
FROM python:3.11-slim-trixie AS packages
# gunicorn_h1c comes without wheels.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.11-slim-trixie
# pg_dump for `manage.py backup`, and pg_restore. Trixie's are of version 17, as is the server in compose.yaml: what an
# older pg_dump cannot read, and what a newer pg_restore says to a server that does not know it yet, ends them.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 voronka && install -d -o voronka /app/var
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER voronka
EXPOSE 8000
VOLUME /app/var
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz', timeout=4)"]
CMD ["python", "-m", "config.web"]
