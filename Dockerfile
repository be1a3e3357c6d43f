# syntax=docker/dockerfile:1
# Firebell runs as user 65532, who has to be able to read the configuration: chown 65532 firebell.toml && chmod 600 firebell.toml
# docker build -t firebell . && docker run -v firebell:/var/lib/firebell -v ./firebell.toml:/etc/firebell/firebell.toml:ro -p 8080:8080 firebell

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the build, the layer does not hold them: hence the copy in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --bin firebell \
    && cp target/dist/firebell /usr/local/bin/firebell
# The last stage has no shell to make a directory with.
RUN mkdir /data

# glibc, the certificate authorities, and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/firebell /usr/local/bin/firebell
# SQLite's file, where no other database is configured. A new volume takes over this directory's owner.
COPY --from=build --chown=65532:65532 /data /var/lib/firebell
WORKDIR /var/lib/firebell
VOLUME /var/lib/firebell
USER 65532:65532
# 9090 is the admin listener with the metrics. By default it listens on the container's own loopback;
# FIREBELL__SERVER__ADMIN_LISTEN=0.0.0.0:9090 opens it to the container's network.
EXPOSE 8080 9090
ENTRYPOINT ["firebell"]
CMD ["serve", "--config", "/etc/firebell/firebell.toml"]
