# One image for every step. The code is mounted (docker-compose.yml): an edit rebuilds nothing.

FROM python:3.13.16-slim-trixie AS step
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 learner
RUN --mount=type=bind,source=constraints.txt,target=/tmp/constraints.txt \
    pip install --no-cache-dir --constraint /tmp/constraints.txt \
    channels channels-redis daphne Django redis
USER learner
WORKDIR /step

# Profile `rabbitmq`: a step on a channel layer that is no part of the steps.
FROM step AS rabbitmq
USER root
RUN --mount=type=bind,source=constraints.txt,target=/tmp/constraints.txt \
    pip install --no-cache-dir --constraint /tmp/constraints.txt channels-rabbitmq
USER learner

# The course's own tests, which look at the running steps from outside, and its site.
FROM step AS course
USER root
RUN --mount=type=bind,source=constraints.txt,target=/tmp/constraints.txt \
    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \
    pip install --no-cache-dir --constraint /tmp/constraints.txt --requirement /tmp/requirements.txt
USER learner
WORKDIR /course
