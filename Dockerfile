# SPDX-License-Identifier: Apache-2.0
# The image of bulla-agent: two binaries, the libraries they need, root certificates; no shell, no package
# manager, not root.  scripts/image makes the same file system, and an image of it, without Docker.
#
#   docker build --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) --output type=oci,dest=bulla-agent.tar,rewrite-timestamp=true .
#
# What is built here does not depend on the folder or the day.  Byte for byte the same image again takes the same
# Debian packages too: give BASE with its digest (debian@sha256:...), of a base whose sources name one day of
# snapshot.debian.org.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS build
ARG SOURCE_DATE_EPOCH=0
WORKDIR /src
COPY . .
RUN scripts/deps build && apt-get install -y --no-install-recommends ca-certificates binutils
RUN make -j"$(nproc)" && SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH}" scripts/image --rootfs build /out

FROM scratch
COPY --from=build /out/rootfs/ /
ENV PATH=/usr/bin
USER 65532:65532
ENTRYPOINT ["/usr/bin/bulla-agent"]
