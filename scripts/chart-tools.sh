#!/usr/bin/env bash
# Makes a directory with what the chart is checked with: helm, untt (helm-unittest), kubeconform and kube-score, those in the PATH or
# else built by Go from their published modules, and in `schemas` JSON schemas of all kinds of Kubernetes, KEDA, the Prometheus
# operator and cert-manager. Prints the directory. What is there already is not made again.
set -euo pipefail
directory=$(realpath -m "${1:?the directory to make them in}")
here=$(cd "$(dirname "$0")" && pwd)
helm=v3.21.3
unittest=v1.1.2
kubeconform=v0.8.0
kube_score=v1.20.0
kubernetes=v1.34.4
keda=v2.16.1
prometheus_operator=v0.88.0
cert_manager=v1.18.2

needs_go() {
  command -v go >/dev/null && return
  echo "chart-tools: $1 is not there, and neither is Go to make it: install either (https://go.dev/dl)" >&2
  exit 1
}

# link NAME PROGRAM...: the first PROGRAM of the PATH becomes NAME; fails where there is none.
link() {
  local name=$1 program found
  shift
  [ ! -x "$directory/$name" ] || return 0
  for program in "$@"; do
    found=$(command -v "$program" || true)
    [ -z "$found" ] || { ln -sf "$found" "$directory/$name" && return; }
  done
  return 1
}

# build NAME PACKAGE MODULE@VERSION...: in a module of its own, for `go install` refuses modules with `replace`, as helm-unittest's.
build() {
  local name=$1 package=$2 module work
  shift 2
  needs_go "$name"
  work=$(mktemp -d)
  (
    cd "$work"
    go mod init chart-tools 2>/dev/null
    for module in "$@"; do go mod edit "$module"; done
    CGO_ENABLED=0 GOFLAGS='-mod=mod -buildvcs=false' go build -ldflags '-s -w' -o "$directory/$name" "$package" >&2
  )
  rm -rf "$work"
}

module_directory() {
  needs_go "the schemas of $1"
  go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p'
}

mkdir -p "$directory"
# Helm is built as helm-unittest has it, so that most is compiled once.
unittest_module=(
  "-require=github.com/helm-unittest/helm-unittest@$unittest" "-require=helm.sh/helm/v3@$helm"
  "-replace=github.com/vmware-labs/yaml-jsonpath@v0.3.2=github.com/helm-unittest/yaml-jsonpath@v0.4.0"
)
link helm helm || build helm helm.sh/helm/v3/cmd/helm "${unittest_module[@]}"
link untt untt || build untt github.com/helm-unittest/helm-unittest/cmd/helm-unittest "${unittest_module[@]}"
link kubeconform kubeconform ||
  build kubeconform github.com/yannh/kubeconform/cmd/kubeconform "-require=github.com/yannh/kubeconform@$kubeconform"
link kube-score kube-score || build kube-score github.com/zegl/kube-score/cmd/kube-score "-require=github.com/zegl/kube-score@$kube_score"

if [ ! -e "$directory/schemas" ]; then
  node "$here/chart-schemas.js" "$directory/schemas" \
    "$(module_directory "k8s.io/kubernetes@$kubernetes")/api/openapi-spec/swagger.json" \
    "$(module_directory "github.com/kedacore/keda/v2@$keda")/config/crd/bases" \
    "$(module_directory "github.com/prometheus-operator/prometheus-operator@$prometheus_operator")/example/prometheus-operator-crd" \
    "$(module_directory "github.com/cert-manager/cert-manager@$cert_manager")/deploy/crds" >&2
fi
printf '%s\n' "$directory"
