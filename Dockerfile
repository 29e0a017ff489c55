# One image for all services of the site and for the marketplace; docker-compose.yml says which of them a container is.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATE_DIR=/data

WORKDIR /app
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements/run.txt

COPY . .
RUN python -m launcher.catalogs
RUN useradd --system --uid 10001 --home-dir /data app && mkdir /data && chown app /data && python -m compileall -q .
USER app
VOLUME /data
EXPOSE 8000

CMD ["python", "-m", "gunicorn", "annotation_site.wsgi:application", "--bind", "0.0.0.0:8000", \
     "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "60", "--no-control-socket"]
