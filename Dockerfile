# One image for every step, whose code is mounted (docker-compose.yml): an edit rebuilds nothing.

FROM python:3.13.16-slim-trixie AS step
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 learner && install --directory --owner learner /data
RUN --mount=type=bind,source=constraints.txt,target=/tmp/constraints.txt \
    pip install --no-cache-dir --constraint /tmp/constraints.txt \
    celery channels channels-redis daphne dj-database-url Django "psycopg[binary,pool]" redis
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

# Profile `scale`: a step as deploy/ serves it, with its code and its static files in the image.
FROM step AS chat
USER root
RUN --mount=type=bind,source=constraints.txt,target=/tmp/constraints.txt \
    pip install --no-cache-dir --constraint /tmp/constraints.txt uvicorn websockets
WORKDIR /srv/chat
ARG STEP
COPY ${STEP} deploy ./
RUN DJANGO_SETTINGS_MODULE=mysite.production \
    DJANGO_SECRET_KEY=none DJANGO_ALLOWED_HOSTS=none REDIS_URL=redis://none \
    DATABASE_URL=postgres://none/none \
    python manage.py collectstatic --noinput && chown --recursive learner data
USER learner
CMD ["uvicorn", "--host", "0.0.0.0", "--port", "9000", "--timeout-graceful-shutdown", "5", \
    "mysite.asgi:application"]

FROM nginx:1.30.4-trixie AS nginx
WORKDIR /srv/chat
COPY --from=chat /srv/chat/static static
COPY deploy/nginx.conf /etc/nginx/nginx.conf
COPY deploy/replicas.conf processes.conf
COPY deploy/self-signed.sh ./
CMD ["sh", "-c", "sh self-signed.sh localhost && exec nginx -g 'daemon off;'"]
STOPSIGNAL SIGTERM
