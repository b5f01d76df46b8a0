#!/usr/bin/env bash
# Prints where grpcurl is: what GRPCURL names, or one in the PATH, or one that Go builds into the directory given; else fails.
set -euo pipefail
version=v1.9.4
directory=$(realpath -m "${1:?the directory to build it into}")
found=$(command -v "${GRPCURL:-grpcurl}" || true)
if [ -z "$found" ]; then
  GOBIN="$directory" go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version" >&2
  found="$directory/grpcurl"
fi
printf '%s\n' "$found"
