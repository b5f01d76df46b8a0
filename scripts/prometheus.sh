#!/usr/bin/env bash
# scripts/prometheus.sh DIR: prints the path of a directory with `prometheus` and `promtool`: the one on the PATH, or Debian's package
# unpacked into DIR, without installing it.
set -euo pipefail
if found=$(command -v promtool) && command -v prometheus >/dev/null; then dirname "$found"; exit; fi
mkdir -p "$1"
cd "$1"
if [ ! -x unpacked/usr/bin/promtool ]; then
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || {
    echo 'prometheus: put prometheus and promtool on the PATH; here is no apt-get to fetch them by' >&2
    exit 1
  }
  apt-get download -qq prometheus >&2 || { apt-get update -qq >&2 && apt-get download -qq prometheus >&2; }
  dpkg -x prometheus_*.deb unpacked
  rm -f prometheus_*.deb
fi
echo "$PWD/unpacked/usr/bin"
