#!/usr/bin/env bash
# Prepares a Debian or Ubuntu machine for Podling: setup.sh run|dev
#   run  the virtual environment with what Podling needs, and the distribution's container tools
#   dev  the same plus what the checks and tests need
# Says each step, repeats nothing that is done, and never asks a question.  Everything goes to .venv and to the
# distribution's packages; your kubeconfig and your own Python are left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
level=${1:-run}
venv=.venv
packages="crun conmon skopeo nftables busybox-static"
programs="crun conmon skopeo nft"
if [ "$level" = dev ]; then
  packages="$packages runc wrk procps iproute2 docker-registry containerd"
  programs="$programs runc wrk ps ip docker-registry containerd"
fi

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
warn() { printf '\033[33m  !\033[0m %s\n' "$*" >&2; }
fail() { printf '\033[31m  x\033[0m %s\n' "$*" >&2; exit 1; }

# Prints the first Python that is new enough, or nothing.
find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
       "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
}

has_program() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

is_static() { [ -x "$1" ] && ! ldd "$1" >/dev/null 2>&1; }

static_busybox() { is_static /bin/busybox || is_static /usr/bin/busybox || is_static /bin/busybox-static; }

has_busybox() { static_busybox || is_static "$venv/bin/busybox"; }

may_install() { [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }; }

# Runs apt-get as root, by sudo where that asks no password, and fails otherwise.
apt_as_root() {
  if [ "$(id -u)" = 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get "$@"
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo -n env DEBIAN_FRONTEND=noninteractive apt-get "$@"
  else
    return 77
  fi
}

install_packages() {
  local missing=() program
  for program in $programs; do has_program "$program" || missing+=("$program"); done
  static_busybox || missing+=(busybox-static)
  [ ${#missing[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null 2>&1; then
    warn "missing: ${missing[*]}; this is no Debian or Ubuntu, so install $packages your way. Until then Pods run as plain processes."
    warn_without_busybox
    return
  fi
  if ! may_install; then
    fetch_busybox || true
    warn "not installed, for want of root or of sudo without a password: ${missing[*]}"
    warn "to have them: sudo apt-get install -y $packages. Until then Pods run as plain processes."
    warn_without_busybox
    return
  fi
  say "installing the distribution's container tools ($packages)"
  local log; log=$(mktemp)
  if { apt_as_root install -y -qq --no-install-recommends $packages ||
       { apt_as_root update -qq && apt_as_root install -y -qq --no-install-recommends $packages; }; } >"$log" 2>&1; then
    rm -f "$log"
    if [ "$level" = dev ]; then quiet_services "${missing[@]}"; fi
    return
  fi
  tail -n 5 "$log" >&2
  warn "the packages could not be installed; 'podling doctor' says what that costs."
  rm -f "$log"
  warn_without_busybox
}

# Registry and containerd are for tests, which start their own: what has just been installed shall not run as a service, too.
quiet_services() {
  command -v systemctl >/dev/null 2>&1 || return 0
  local root=() name; [ "$(id -u)" = 0 ] || root=(sudo -n)
  for name in docker-registry containerd; do
    case " $* " in *" $name "*) "${root[@]}" systemctl disable --now "$name.service" >/dev/null 2>&1 || true ;; esac
  done
}

# Unpacks busybox-static into .venv, which needs no root; the image `busybox` is made from it.
fetch_busybox() {
  has_busybox && return
  say "unpacking busybox-static into $venv, for the built-in image 'busybox'"
  local place; place=$(mktemp -d)
  mkdir -p "$place/lists/partial" "$place/cache/archives/partial"
  (
    own="$PWD/$venv/bin/busybox"
    lists=(-o "Dir::State::Lists=$place/lists" -o "Dir::Cache=$place/cache")
    cd "$place" &&
      { apt-get download -qq busybox-static ||
        { apt-get update -qq "${lists[@]}" && apt-get download -qq "${lists[@]}" busybox-static; }; } &&
      dpkg-deb -x busybox-static_*.deb unpacked &&
      install -m 755 "$(find unpacked -path '*bin/busybox' -type f | head -n 1)" "$own"
  ) >"$place/log" 2>&1 || { tail -n 3 "$place/log" >&2; rm -rf "$place"; return 1; }
  rm -rf "$place"
}

warn_without_busybox() {
  has_busybox && return
  warn "no statically linked busybox here: the built-in image 'busybox' cannot be made, so the demo's Pods have no image."
  warn "to have it: install the package busybox-static, or put a static busybox at $venv/bin/busybox."
}

make_venv() {
  [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && return
  local python; python=$(find_python)
  [ -n "$python" ] || fail "Python 3.11 or newer is needed; none was found (Debian: apt-get install python3 python3-venv)."
  say "making the virtual environment $venv with $("$python" --version)"
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    apt_as_root install -y -qq --no-install-recommends python3-venv >/dev/null 2>&1 || true
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "cannot make $venv: the venv module does not work (Debian: apt-get install python3-venv)."
  fi
}

install_python_packages() {
  local stamp=$venv/.podling-$level
  if [ -e "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ] && [ "$(cat "$stamp")" = "$PWD" ]; then return; fi
  local target='.'
  [ "$level" = dev ] && target='.[dev]'
  say "installing Podling and its Python dependencies ($target)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$target" 2>"$venv/pip.log" ||
    { tail -n 8 "$venv/pip.log" >&2; fail "pip could not install the dependencies."; }
  "$venv/bin/python" -m compileall -q src "$venv/lib" >/dev/null 2>&1 || true
  printf '%s' "$PWD" >"$stamp"
}

make_venv
install_python_packages
install_packages
