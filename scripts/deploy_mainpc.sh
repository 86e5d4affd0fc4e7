#!/usr/bin/env bash
# rendered by `cargo xtask render` from config/stack.yaml and the startup configs, do not edit
#
# Builds the images of mainpc and starts them with podman-compose. Needs no Rust.
set -euo pipefail

readonly machine=mainpc
readonly network=ai_system_mainpc
readonly subnet=172.20.0.0/16
readonly compose_file=docker/podman-compose.mainpc.yml
readonly supervisor=docker/supervisor/bin/agent-supervisor
readonly namespace=localhost/ai_system
readonly tag=latest
readonly volumes=(
  ai_system_mainpc_logs
  ai_system_mainpc_models
  ai_system_mainpc_data
  ai_system_mainpc_config
)
readonly groups=(
  core-services
  memory-system
  audio-processing
  language-processing
  emotion-system
  gpu-services
  planning-execution
  tts-services
  code-generation
  vision
  learning-knowledge
)

# Groups with variants: what the tags of their images and the names of their Dockerfiles end with.
readonly -A tag_ends=([gpu-services]=-cpu)
readonly -A dockerfile_ends=([gpu-services]='')

usage() {
  cat <<'USAGE'
usage: scripts/deploy_mainpc.sh [--help]

Builds the base image and 11 group images, creates the network ai_system_mainpc
(172.20.0.0/16) and the volumes where they are missing, with the labels of the stack, and starts every container. Running it
again changes only what is not up to date.

environment:
  BASE_IMAGE       image that the base image is made from (default: docker.io/library/python:3.11-slim)
  PC2_IP           address of pc2 (default: 192.168.1.102)
  MAINPC_IP        address of this machine, which ports for other machines are published on (default: 192.168.1.101)
  SSL_CERT_FILE    CA bundle that build steps shall trust
  PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_TRUSTED_HOST
                   where build steps get Python packages from; no image holds them
USAGE
}

fail() {
  printf 'error: %s\n' "$1" >&2
  if [[ -n "${2:-}" ]]; then
    printf '  hint: %s\n' "$2" >&2
  fi
  exit 1
}

need() {
  command -v "$1" >/dev/null 2>&1 || fail "\`$1\` is not installed" "$2"
}

# Whether every image of this machine is there already.
all_images_exist() {
  local name
  for name in base "${groups[@]}"; do
    podman image exists "$namespace/$name:$tag${tag_ends[$name]:-}" || return 1
  done
}

build() {
  local name=$1
  shift
  printf 'building %s/%s:%s\n' "$namespace" "$name" "$tag${tag_ends[$name]:-}"
  podman build --format docker "${build_options[@]}" "$@" \
    --tag "$namespace/$name:$tag${tag_ends[$name]:-}" --file "docker/Dockerfile.$name${dockerfile_ends[$name]:-}" .
}

build_images() {
  local base_options=() name
  if [[ -n "${BASE_IMAGE:-}" ]]; then
    base_options+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
  fi
  build base "${base_options[@]}"
  for name in "${groups[@]}"; do
    build "$name"
  done
}

ensure_network() {
  local subnets
  if ! podman network exists "$network"; then
    printf 'creating network %s (%s)\n' "$network" "$subnet"
    podman network create "${labels[@]}" --subnet "$subnet" "$network" >/dev/null
    return
  fi
  subnets=$(podman network inspect "$network")
  if [[ "$subnets" != *"\"$subnet\""* ]]; then
    fail "network \`$network\` exists without the subnet $subnet, which the static addresses need" \
      "stop what uses it, then: podman network rm $network"
  fi
}

ensure_volumes() {
  local volume
  for volume in "${volumes[@]}"; do
    if ! podman volume exists "$volume"; then
      printf 'creating volume %s\n' "$volume"
      podman volume create "${labels[@]}" "$volume" >/dev/null
    fi
  done
}

case "${1:-}" in
  '') ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# By these, everybody knows whose they are, and `cargo xtask down` that it may remove them.
labels=(
  --label=ai-system.stack=ai_system
  --label=ai-system.machine=mainpc
  "--label=ai-system.checkout=$(pwd -P)"
)

need podman 'on Debian: apt-get install podman'
need podman-compose 'on Debian: apt-get install podman-compose'
[[ -f "$compose_file" ]] || fail "\`$compose_file\` is missing" 'run this script from a complete checkout'

build_options=()
if [[ -n "${SSL_CERT_FILE:-}" ]]; then
  [[ -r "$SSL_CERT_FILE" ]] || fail "SSL_CERT_FILE=\`$SSL_CERT_FILE\` cannot be read"
  build_options+=(--volume "$(realpath "$SSL_CERT_FILE"):/run/host-ca.crt:ro" --build-arg PIP_CERT=/run/host-ca.crt)
fi

# A secret is there while a step runs, and in no layer, history or command line.
AI_SYSTEM_PACKAGE_INDEX=
add_to_index() {
  if [[ -n "${!1:-}" ]]; then
    AI_SYSTEM_PACKAGE_INDEX+=$(printf 'export %s=%q %s=%q' "$1" "${!1}" "$2" "${!1}")$'\n'
  fi
}
add_to_index PIP_INDEX_URL UV_DEFAULT_INDEX
add_to_index PIP_EXTRA_INDEX_URL UV_INDEX
add_to_index PIP_TRUSTED_HOST UV_INSECURE_HOST
if [[ -n "$AI_SYSTEM_PACKAGE_INDEX" ]]; then
  export AI_SYSTEM_PACKAGE_INDEX
  build_options+=(--secret "id=package-index,type=env,env=AI_SYSTEM_PACKAGE_INDEX")
fi

if [[ -x "$supervisor" ]]; then
  build_images
elif all_images_exist; then
  printf 'no %s here: using the images that are there\n' "$supervisor"
else
  fail "\`$supervisor\` is missing, and not every image is there" \
    "run \`cargo xtask build-images\`, or copy the binary from the machine that has Rust"
fi

ensure_network
ensure_volumes

printf 'starting %s\n' "$machine"
export MACHINE_TYPE="$machine"
podman-compose -f "$compose_file" up -d
printf '%s is starting; its agents come up as their dependencies answer\n' "$machine"
