#!/usr/bin/env bash
# Installs what the tests of the dashboard need: a headless Chromium with its driver, and axe-core, which looks for what
# people with disabilities would stumble over. Takes the folder that axe-core is kept in.
set -euo pipefail
folder=$1
axe_version=4.10.3

if ! command -v chromedriver >/dev/null 2>&1; then
    if command -v apt-get >/dev/null 2>&1; then
        echo "== installing Chromium and its driver with apt-get"
        sudo=
        [ "$(id -u)" -eq 0 ] || sudo=sudo
        $sudo apt-get update -qq
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null
    elif command -v brew >/dev/null 2>&1; then
        echo "== installing Chromium and its driver with brew"
        brew install --quiet --cask chromium chromedriver
    else
        echo "There is neither apt-get nor brew to install Chromium with; install chromium and chromedriver." >&2
        exit 1
    fi
fi

if [ ! -f "$folder/axe-$axe_version.min.js" ]; then
    command -v npm >/dev/null 2>&1 || { echo "npm is needed to fetch axe-core; install it (nodejs)" >&2; exit 1; }
    echo "== fetching axe-core $axe_version"
    mkdir -p "$folder"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent "axe-core@$axe_version" >/dev/null && tar xzf axe-core-*.tgz)
    mv "$work/package/axe.min.js" "$folder/axe-$axe_version.min.js"
fi
ln -sf "axe-$axe_version.min.js" "$folder/axe.min.js"
