# Two stages: what builds stays behind. Only the runtime lock is installed: no test code in production.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.lock

FROM python:3.11-slim
# Each password hash takes 46 MiB. MALLOC_ARENA_MAX: glibc would keep one such arena a thread. GLIBC_TUNABLES: in
# huge pages it costs a quarter less, where the kernel's transparent_hugepage is "madvise" or "always".
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR_DIR=/srv/var \
    MALLOC_ARENA_MAX=2 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
RUN useradd --system --uid 10001 --home-dir /srv --shell /usr/sbin/nologin mumaris \
    && install --directory --owner mumaris /srv/var \
    && install --directory --owner mumaris --mode 700 /srv/files
WORKDIR /srv
COPY --from=build /opt/venv /opt/venv
COPY manage.py ./
COPY mumaris mumaris
COPY accounts accounts
COPY profiles profiles
COPY templates templates
COPY static static
COPY locale locale
# The settings want every value even here; these name nothing that exists and stay in this line.
RUN export SECRET_KEY=for-the-build-only-for-the-build-only CODE_KEY=for-the-build-only-for-the-build-only \
        DATA_KEY=for-the-build-only-for-the-build-only BASE_URL=https://build.invalid \
        DATABASE_URL=postgresql://build.invalid/none REDIS_URL=redis://build.invalid FILES_URL=file:///srv/files \
        EMAIL_URL=smtp://build.invalid DEFAULT_FROM_EMAIL=none@build.invalid \
    && python manage.py compile_catalogues \
    && python manage.py collectstatic --noinput --verbosity 0
USER mumaris
EXPOSE 8000
CMD ["gunicorn", "-c", "python:mumaris.gunicorn", "--bind", "0.0.0.0:8000", "mumaris.wsgi"]
