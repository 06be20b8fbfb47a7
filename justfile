# The list of commands. `just` alone prints it.
default:
    @just --list

# Type-check the pure core: the fastest loop.
core:
    cargo check -p karp-core

# Everything the gate runs.
test:
    tests/run

# Without real servers and without the AWS SDK.
offline:
    tests/run offline

# Formatting and lints as the gate wants them.
lint:
    cargo fmt --all --check
    cargo clippy --all-targets --locked -- -D warnings
    cargo clippy --test live --test ec2 --locked -- -D warnings
    cargo clippy --all-targets --locked -p kubectl-karp-drift --no-default-features -- -D warnings

# Recorded answers of the real controller, one scenario in detail.
vector NAME:
    cargo run --release -p karp-tests --bin vectors -- tests/vectors/scheduling --only {{NAME}} --diff

# Licences, advisories, duplicate versions (needs cargo-deny).
deny:
    cargo deny check

# Write the embedded EC2 catalog anew from its inputs (common/data/README.md).
catalog:
    python3 common/data/generate.py
