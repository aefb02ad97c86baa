# shellcheck shell=bash
# SPDX-License-Identifier: BSL-1.0
# Sourced by tests/run, examples/run and .ci/run: makes sure the tools they name are there, and keeps
# the build folder usable. `weft_need cxx meson ...` installs what is missing with apt-get, as root or
# through a sudo that asks nothing; else it prints the line to type and ends with status 1. What is
# there is found by trying it, so tools that no package manager installed count too.

weft_say() { printf '%s\n' "$*" >&2; }

# A compiler can include it: the only question that matters about a header.
weft_has_header() {
  echo "#include <$1>" | ${CXX:-c++} -std=c++17 -x c++ -fsyntax-only - >/dev/null 2>&1
}

weft_has_meson() {
  command -v meson >/dev/null && [ "$(meson --version | cut -d. -f1)" -ge 1 ]
}

# Is the thing there? One line for each word that weft_need understands.
weft_has() {
  case $1 in
    cxx) echo 'int main(){}' | ${CXX:-c++} -x c++ -fsyntax-only - >/dev/null 2>&1 ;;
    meson) weft_has_meson ;;
    ninja) command -v ninja >/dev/null || command -v samu >/dev/null ;;
    boost) weft_has_header boost/context/detail/fcontext.hpp ;;
    doctest) weft_has_header doctest/doctest.h ;;
    binutils) command -v nm >/dev/null && command -v readelf >/dev/null ;;
    clang) command -v clang++ >/dev/null ;;
    clang-sanitizers) weft_has_clang_sanitizers ;;
    valgrind) weft_has_header valgrind/valgrind.h ;;
    libunwind) weft_has_header libunwind.h ;;
    libuv) weft_has_header uv.h ;;
    libpq | libcurl | hiredis) pkg-config --exists "$1" ;;
    asio) weft_has_header asio.hpp ;;
    cli11) weft_has_header CLI/CLI.hpp ;;
    nlohmann-json) weft_has_header nlohmann/json.hpp ;;
    netcat) [[ $(nc -h 2>&1) == *OpenBSD* ]] ;;  # of the several, the one that knows -N
    libpq | hiredis | libcurl | libmariadb | libssh2 | libssl | sqlite3) pkg-config --exists "$1" ;;
    postgres) compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ;;
    nginx-echo) [ -e /usr/lib/nginx/modules/ngx_http_echo_module.so ] ;;
    mariadbd | sshd) [ -x "/usr/sbin/$1" ] ;;
    redis-tools) command -v redis-cli >/dev/null && command -v redis-benchmark >/dev/null ;;
    *) command -v "$1" >/dev/null ;;  # the word is the command
  esac
}

weft_has_clang_sanitizers() {
  local runtime
  runtime=$(clang++ -fsanitize=thread -print-file-name="libclang_rt.tsan-$(uname -m).a" 2>/dev/null)
  [ -e "$runtime" ]
}

# The Debian and Ubuntu package that brings it.
weft_package() {
  case $1 in
    cxx) echo g++ ;;
    ninja) echo ninja-build ;;
    boost) echo libboost-context-dev ;;
    doctest) echo doctest-dev ;;
    libunwind) echo libunwind-dev ;;
    libuv) echo libuv1-dev ;;
    libpq) echo libpq-dev ;;
    libcurl) echo libcurl4-openssl-dev ;;
    hiredis) echo libhiredis-dev ;;
    asio) echo libasio-dev ;;
    cli11) echo libcli11-dev ;;
    nlohmann-json) echo nlohmann-json3-dev ;;
    netcat) echo netcat-openbsd ;;
    clang-sanitizers) echo libclang-rt-dev ;;
    libpq) echo libpq-dev ;;
    hiredis) echo libhiredis-dev ;;
    libcurl) echo libcurl4-openssl-dev ;;
    libmariadb) echo libmariadb-dev ;;
    libssh2) echo libssh2-1-dev ;;
    libssl) echo libssl-dev ;;
    sqlite3) echo libsqlite3-dev ;;
    postgres) echo postgresql ;;
    nginx-echo) echo nginx-light ;;
    mariadbd) echo mariadb-server ;;
    sshd) echo openssh-server ;;
    clang++-*) echo "clang-${1#clang++-}" ;;
    ld.lld-*) echo "lld-${1#ld.lld-}" ;;
    aarch64-linux-gnu-g++) echo g++-aarch64-linux-gnu ;;
    qemu-aarch64) echo qemu-user ;;
    *) echo "$1" ;;
  esac
}

# Installs what is missing of the things named. Returns 1, having said what to type, if it can't.
weft_need() {
  local thing missing=() packages=() as_root=()
  for thing; do weft_has "$thing" || missing+=("$thing"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  # Without a compiler no header is found: then ask for all of them rather than come back twice.
  for thing in "${missing[@]}"; do packages+=("$(weft_package "$thing")"); done

  if ! command -v apt-get >/dev/null; then
    weft_say "missing: ${missing[*]}. Install them with your package manager" \
      "(their names on Debian: ${packages[*]})."
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n env DEBIAN_FRONTEND=noninteractive)
    else
      weft_say "missing: ${missing[*]}. Type this, then start again:"
      weft_say "  sudo apt-get install --no-install-recommends ${packages[*]}"
      return 1
    fi
  fi
  weft_say "installing: ${packages[*]}"
  weft_apt_install "${packages[@]}" || return 1
  for thing in "${missing[@]}"; do
    if ! weft_has "$thing"; then
      weft_say "$thing is still not usable after installing $(weft_package "$thing")."
      return 1
    fi
  done
}

# Uses the caller's `as_root`. Quiet unless it fails: apt prints a screen for each package. Servers
# that come with it are not started: tests start their own.
weft_apt_install() {
  local log status=0 policy=/usr/sbin/policy-rc.d is_ours=
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if ! [ -e $policy ] &&
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin $policy; then
    is_ours=yes
  fi
  # A failing update is no reason to stop: one broken source is common, and the lists may do.
  "${as_root[@]}" apt-get -q update >"$log" 2>&1 || weft_say 'apt-get update failed; going on'
  "${as_root[@]}" apt-get -q install -y --no-install-recommends "$@" >>"$log" 2>&1 || status=$?
  if [ -n "$is_ours" ]; then "${as_root[@]}" rm -f $policy; fi
  if [ $status -ne 0 ]; then
    tail -n 20 "$log" >&2
    weft_say 'apt-get failed. Type this, then start again:'
    weft_say "  apt-get update && apt-get install --no-install-recommends $*"
  fi
  rm -f "$log"
  return $status
}

# How a build folder that is not there yet begins: twelve of the library's files in one unit compile
# in a third of the time. That each stands alone shows .ci/consumers, which builds as a packager does.
weft_new_build=(-Dunity=on -Dunity_size=12)

# weft_configure <build folder> [meson arguments]: leaves a build folder that ninja accepts.
# Re-uses one that is there, whoever made it, and changes what the arguments ask for; sets it up anew
# when it is broken or belongs to another source tree or compiler.
weft_configure() {
  local build=$1 source stamp wanted
  shift
  source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  stamp=$build/.weft_configured
  wanted="${CXX:-}"$'\n'"$*"

  if [ -e "$build" ] && ! [ -d "$build/meson-private" ] && [ -n "$(ls -A "$build")" ]; then
    weft_say "$build is no build folder of Meson; move it away or name another with --build-dir"
    return 1
  fi
  if weft_is_ours "$build" "$source" "$stamp" && weft_reconfigure "$build" "$stamp" "$wanted" "$@" &&
    weft_ninja "$build" build.ninja >"$build/configure.log" 2>&1; then
    return 0
  fi
  rm -rf "$build"
  mkdir -p "$build"
  if ! meson setup "$build" "$source" "${weft_new_build[@]}" "$@" >"$build/configure.log" 2>&1; then
    cat "$build/configure.log" >&2
    return 1
  fi
  printf '%s' "$wanted" >"$stamp"
}

# weft_reconfigure <build folder> <stamp> <what the stamp should say> [meson arguments]
# Keeps what is compiled. Fails if Meson remembers that something is missing which was installed
# since: it keeps such answers for good, so then the folder must be set up anew.
weft_reconfigure() {
  local build=$1 stamp=$2 wanted=$3
  shift 3
  if [ $# -eq 0 ] || [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  meson setup --reconfigure "$build" "$@" >"$build/configure.log" 2>&1 &&
    printf '%s' "$wanted" >"$stamp"
}

# weft_is_ours <build folder> <source tree> <stamp>: set up for this tree, with this compiler?
weft_is_ours() {
  [ -f "$1/build.ninja" ] && grep -qF "\"source\": \"$2\"" "$1/meson-info/meson-info.json" &&
    { ! [ -f "$3" ] || [ "$(sed -n 1p "$3")" = "${CXX:-}" ]; }
}

# weft_ninja <build folder> [ninja arguments]
weft_ninja() {
  local build=$1
  shift
  if command -v ninja >/dev/null; then ninja -C "$build" "$@"; else samu -C "$build" "$@"; fi
}
