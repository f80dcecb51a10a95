FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package bailiwick --target-dir /target

FROM debian:bookworm-slim
RUN useradd --system --create-home --home-dir /data bailiwick
COPY --from=build /target/release/bailiwick /usr/local/bin/bailiwick
USER bailiwick
VOLUME /data
ENTRYPOINT ["bailiwick"]
