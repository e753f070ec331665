#!/usr/bin/env bash
# Builds the Rust peer of internal/realpeers: needs Cargo, with Rust 1.94 or later. What it needs is downloaded the first time only.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/rust"
cargo build --quiet --locked
