# The command line of order-streams as an image: what the npm package holds, Node.js, and nothing that builds.
# For linux/amd64, for which RocksDB is published as a binary, and for linux/arm64, for which it is compiled. See docs/docker.md.
ARG NODE_VERSION=22
ARG DEBIAN_VERSION=bookworm

FROM node:${NODE_VERSION}-${DEBIAN_VERSION}-slim AS node

# What installs and builds runs on the machine that builds, whatever the image is for: emulated, it would take hours.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-${DEBIAN_VERSION}-slim AS tools
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM tools AS rocksdb-amd64
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund --cpu=x64

FROM tools AS rocksdb-arm64
RUN dpkg --add-architecture arm64 && apt-get update && \
    case $(dpkg --print-architecture) in arm64) compiler=g++ ;; *) compiler=g++-aarch64-linux-gnu ;; esac && \
    apt-get install -y --no-install-recommends "$compiler" libzstd-dev:arm64 make python3
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund --cpu=arm64
COPY --chmod=755 docker/build-rocksdb /usr/local/bin/
RUN build-rocksdb node_modules/rocksdb

FROM rocksdb-${TARGETARCH} AS dependencies
# No install script is needed: native parts come as binaries. Their sources, other systems' binaries and types stay behind; licences do not.
RUN mv node_modules/rocksdb/deps/rocksdb/rocksdb/LICENSE.* node_modules/rocksdb/ && \
    rm -rf node_modules/.package-lock.json node_modules/@libsql/*-musl \
      node_modules/rocksdb/deps node_modules/rocksdb/prebuilds.zip node_modules/rocksdb/prebuilds/darwin-* && \
    find node_modules \( -name '*.map' -o -name '*.ts' -o -name '*.[cm]ts' -o -type d -empty \) -delete

FROM tools AS build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && mkdir /packed && \
    tar -xzf "$(npm pack --ignore-scripts --silent --pack-destination /packed | sed 's|^|/packed/|')" \
      -C /packed --exclude '*.d.ts' --strip-components 1 && \
    rm /packed/*.tgz && npm run --silent sbom > /packed/sbom.cdx.json

FROM debian:${DEBIAN_VERSION}-slim
# As process 1, tini passes signals on from the first moment, and lets a process that hangs be killed from inside.
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 tini && rm -rf /var/lib/apt/lists/* /var/cache/apt/* && \
    groupadd --gid 1000 order-streams && useradd --uid 1000 --gid 1000 --no-create-home order-streams && \
    install -d -o 1000 -g 1000 /var/lib/order-streams
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --chmod=755 docker/healthcheck /usr/local/bin/
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /packed ./

# Live rows outlast a small young generation, and would be copied out of it one by one (docs/operations.md).
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=64 \
    STATE_DIR=/var/lib/order-streams \
    DATA_DIR=/var/lib/order-streams/data \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080 \
    API_HOST=0.0.0.0 \
    ORDER_STREAMS_LOG_FORMAT=json
ARG VERSION=1.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title=order-streams \
      org.opencontainers.image.description="Kafka Streams for Node.js, and a real-time order ETL built on it" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION}
USER 1000:1000
VOLUME /var/lib/order-streams
EXPOSE 8080 8081 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --start-interval=1s CMD ["healthcheck"]
ENTRYPOINT ["tini", "--", "node", "/app/bin/order-streams.js"]
CMD ["--help"]
