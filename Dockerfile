# syntax=docker/dockerfile:1
# The image of web and worker. It holds no policy, no key and no setting; docs/operations.md says how to give them.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN pip install --no-cache-dir 'uv>=0.13,<1'
COPY pyproject.toml requirements.lock README.md LICENSE worker.py ./
COPY mailconsent ./mailconsent
COPY web ./web
# Installed, not linked: nothing of /src is needed afterwards. Bytecode is made now, since later nothing can be written.
RUN python -m venv --without-pip /opt/mailconsent \
 && VIRTUAL_ENV=/opt/mailconsent uv pip install --no-cache --compile-bytecode -c requirements.lock '.[postgres]'

FROM python:3.11-slim-bookworm
# The certificates by which the IMAP server is checked, and the time zone of the policy. What installs packages is of no more use.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && pip uninstall -y setuptools wheel pip \
 && groupadd --gid 10001 mailconsent \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/mailconsent --shell /usr/sbin/nologin mailconsent \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/mailconsent /var/lib/mailconsent/journal
COPY --from=build /opt/mailconsent /opt/mailconsent
ENV PATH=/opt/mailconsent/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MAILCONSENT_POLICY=/etc/mailconsent/policy.toml
# The one folder that is written to: by SQLite and `init`, and the journal of opt-outs always. A new volume takes its owner.
WORKDIR /var/lib/mailconsent
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["mailconsent"]
CMD ["serve", "--host", "0.0.0.0"]
