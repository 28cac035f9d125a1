#!/bin/sh
# Find a Chromium for the browser tests, or install Debian's where that is allowed.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu >/dev/null
else
    echo "No chromium found: the browser tests will be skipped. Install it with your package manager to run them." >&2
fi
