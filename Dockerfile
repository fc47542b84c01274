# Klein Live in a container: `docker build --target` cpu, cuda or cluster, see docs/deploy.md.

FROM python:3.11.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    KLEIN_HOST=0.0.0.0 \
    KLEIN_DATA_DIR=/data \
    HF_HOME=/data/huggingface
RUN useradd --create-home --uid 1000 klein && install -d -o klein -g klein /data
WORKDIR /app
VOLUME /data
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
ENTRYPOINT ["python", "app.py"]
COPY requirements.txt requirements-pillow.txt requirements-metrics.txt ./

FROM base AS cpu
# The build of torch for the CPU is a tenth of the one that a plain installation brings.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --extra-index-url "$TORCH_INDEX" -r requirements.txt -r requirements-metrics.txt \
    && pip install --no-deps -r requirements-pillow.txt
COPY app.py ./
COPY assets ./assets
COPY klein_ui ./klein_ui
USER 1000

FROM base AS cuda
# This build of torch brings CUDA along; the host gives the driver (`docker run --gpus all`).
RUN pip install -r requirements.txt -r requirements-metrics.txt \
    && pip install --no-deps -r requirements-pillow.txt
COPY app.py ./
COPY assets ./assets
COPY klein_ui ./klein_ui
USER 1000

FROM cuda AS cluster
# The replicas that apps of another container draw with, `--engine ray://cluster:8000`.
COPY requirements-cluster.txt ./
USER 0
RUN pip install -r requirements-cluster.txt
USER 1000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30m --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/-/routes', timeout=4)"]
ENTRYPOINT ["python", "-m", "klein_ui.serve", "--host", "0.0.0.0"]
