#!/usr/bin/env bash
# npm run test:cluster: installs the chart on a real Kubernetes, and does to it what happens to clusters. An hour.
#   TEST_KUBERNETES_IMAGE=registry/order-streams:tag   an image that the cluster of KUBECONFIG can have; needs helm and kubectl, and has
#                                                      to run where addresses of services and pods can be reached
#   TEST_K8S=DIR   or: the scripts (up.sh, down.sh, k) of a one-node cluster on this machine; a Docker engine makes the images
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

npm run --silent build
if [ -n "${TEST_KUBERNETES_IMAGE:-}" ]; then exec npx vitest run --no-file-parallelism tests/kubernetes; fi
[ -n "${TEST_K8S:-}" ] || { echo 'set TEST_KUBERNETES_IMAGE, or TEST_K8S' >&2; exit 2; }

export K8S_DIR=${K8S_DIR:-/tmp/k8s}
export PATH=$K8S_DIR/bin:$PATH TEST_KUBERNETES_IMAGE=order-streams:cluster-test
step 'images'
docker build --quiet --tag "$TEST_KUBERNETES_IMAGE" .
# Files of the stand-in for MySQL are for root only; the chart has it run as its own user, as the public image can.
printf 'FROM mysql:8.4\nUSER 0\nRUN [ ! -d /opt/mysql ] || chmod -R a+rX /opt/mysql\n' | docker build --quiet --tag mysql:cluster-test -
# The topology cleanse with another name for a store, and with another type of key for its memory.
change() { printf 'FROM %s\nUSER 0\nRUN %s\nUSER 1000:1000\n' "$TEST_KUBERNETES_IMAGE" "$2" | docker build --quiet --tag "order-streams:$1" -; }
cleanse=/app/dist/topologies/cleanse/topology.js
change cluster-test-compatible "sed -i s/repeat-count/repeat-counter/ $cleanse && grep -q repeat-counter $cleanse"
change cluster-test-incompatible "sed -i '/order-memory/{n;s/serdes.string/serdes.long/}' $cleanse && grep -A1 order-memory $cleanse | grep -q serdes.long"
export TEST_KUBERNETES_CHANGED_TAGS='cluster-test-compatible cluster-test-incompatible'
if [ ! -e /run/netns/k8s ]; then
  step 'the cluster'
  "$TEST_K8S/up.sh"
  if [ -x "$K8S_DIR/bin/metrics-server" ]; then
    mkdir -p "$K8S_DIR/metrics-server" && cp "$K8S_DIR/bin/metrics-server" "$K8S_DIR/metrics-server"
    "$TEST_K8S/image.sh" localhost/metrics-server:1 "$K8S_DIR/metrics-server" '{"Entrypoint":["/metrics-server"]}'
    "$TEST_K8S/k" kubectl apply -f "$TEST_K8S/extra/metrics-server.yaml"
  fi
  # Of the Prometheus operator and KEDA: values files that ask for them are skipped without.
  [ ! -d "$K8S_DIR/crds" ] || "$TEST_K8S/k" kubectl apply --server-side -f "$K8S_DIR/crds"
  [ -n "${KEEP:-}" ] || trap '"$TEST_K8S/down.sh"' EXIT
fi
step 'images into the cluster'
for image in "$TEST_KUBERNETES_IMAGE" order-streams:cluster-test-{compatible,incompatible} mysql:cluster-test apache/kafka:4.1.0 apicurio/apicurio-registry:3.3.3; do
  docker save "$image" | ctr --address "$K8S_DIR/run/containerd/containerd.sock" -n k8s.io images import -
done
step 'tests'
export TEST_KUBERNETES_SETTINGS=quickstart.mysql.image.tag=cluster-test
export TEST_KUBERNETES_ENFORCE_POLICIES="python3 $TEST_K8S/extra/netpol.py" TEST_KUBERNETES_LIFT_POLICIES='nft delete table ip netpol'
"$TEST_K8S/k" npx vitest run --no-file-parallelism tests/kubernetes --reporter=verbose
step 'done'
