# The page in a container. CPU by default; with CUDA:
#   docker build --build-arg TORCH=cu128 -t rerank-playground . && docker run --gpus all -p 7860:7860 -v playground:/data rerank-playground
FROM python:3.12-slim

# An index of download.pytorch.org/whl: cpu, or the CUDA version of the host's driver, such as cu126 or cu128.
ARG TORCH=cpu

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PLAYGROUND_HOST=0.0.0.0 \
    PLAYGROUND_PORT=7860 \
    PLAYGROUND_PUBLIC=1 \
    PLAYGROUND_NO_BROWSER=1 \
    PLAYGROUND_DB=/data/history.db \
    HF_HOME=/data/huggingface \
    XDG_CACHE_HOME=/data/cache

# Nothing runs as root, and only the volume can be written to.
RUN useradd --create-home --uid 1000 playground && mkdir /data && chown playground /data
WORKDIR /app

# First what changes seldom, so that a change of the code installs nothing anew.
COPY requirements.txt ./
RUN pip install -r requirements.txt --extra-index-url https://download.pytorch.org/whl/${TORCH}

COPY pyproject.toml README.md LICENSE launch.py ./
COPY playground ./playground
COPY assets ./assets
RUN pip install --no-deps -e .

USER playground
VOLUME /data
EXPOSE 7860

# The first start imports gradio, which takes a while on a slow machine.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=8)"]

# SIGTERM reaches the program itself, which then ends in order.
ENTRYPOINT ["python", "launch.py"]
