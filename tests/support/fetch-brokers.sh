#!/usr/bin/env bash
# Fetch every RabbitMQ that the tests run against, into target/brokers/SUITE. On anything but Debian only the release's
# own version can be had, into target/brokers/own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

suites=(bookworm trixie forky)
# shellcheck source=/dev/null
os=$(. /etc/os-release && printf '%s' "$ID")
if [ "$os" != debian ]; then
    printf 'brokers: this machine runs %s: its own RabbitMQ is tested, those of Debian %s are left out\n' \
        "$os" "${suites[*]}"
    suites=(own)
fi

mkdir -p target/brokers
for suite in "${suites[@]}"; do
    printf 'brokers: RabbitMQ of %s\n' "$(tests/support/fetch-rabbitmq.sh "$suite" "target/brokers/$suite")"
done
