#!/usr/bin/env bash
# Make a Debian or Ubuntu machine ready for a verb of the Makefile.
#
#   setup.sh run    what building and opening the window needs
#   setup.sh test   the same, and what the tests need
#
# Installs system packages where it may (as root, or by sudo without a password), else names them and the command. Rust
# and Node are never installed, only checked. Says nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The same as rust-version in Cargo.toml; no rust-toolchain.toml, because a channel named there makes rustup download
# a toolchain although a newer one is installed.
RUST_MIN=1.95
# The first Node 20 that the bundler of the window accepts.
NODE_MIN=20.19

BUILD_PACKAGES=(build-essential pkg-config libwebkit2gtk-4.1-dev)
# A display, a window manager, a session bus and a camera, for machines that have none. dbus-x11 keeps apt from choosing
# the bus that brings systemd along.
DISPLAY_PACKAGES=(xvfb xauth openbox imagemagick x11-utils dbus dbus-x11)
TEST_PACKAGES=(webkit2gtk-driver xdotool gnome-keyring bubblewrap)

say() { printf 'setup: %s\n' "$*" >&2; }

usage() {
    say "usage: setup.sh run|test"
    exit 2
}

# at_least HAVE WANT: whether version HAVE is WANT or later.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Prints the first version number of its input, as "1.95.0".
version_in() { grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }

# check_tool NAME COMMAND WANT HOW: whether `COMMAND --version` is WANT or later; else says so, and HOW to get it.
check_tool() {
    local name=$1 command=$2 want=$3 how=$4 have
    if ! have=$("$command" --version 2>/dev/null | version_in); then
        say "$name $want or later is needed, and there is no \`$command\` on the PATH. $how"
        return 1
    fi
    if ! at_least "$have" "$want"; then
        say "$name $want or later is needed, and \`$command\` is $have. $how"
        return 1
    fi
}

check_tools() {
    local good=0
    local rust_how="Get it from https://rustup.rs, or run: rustup update stable"
    local node_how="Get it from https://nodejs.org, or as a package of your distribution if that is new enough."
    check_tool Rust rustc "$RUST_MIN" "$rust_how" || good=1
    check_tool Cargo cargo "$RUST_MIN" "$rust_how" || good=1
    check_tool Node node "$NODE_MIN" "$node_how" || good=1
    check_tool npm npm 9 "It comes with Node; Debian and Ubuntu have it in a package of its own, npm." || good=1
    return "$good"
}

is_installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

missing_of() {
    local package
    for package in "$@"; do
        is_installed "$package" || printf '%s\n' "$package"
    done
}

ensure_packages() {
    if ! command -v dpkg-query apt-get >/dev/null; then
        say "this is not a Debian or Ubuntu machine: $* are not looked for; install what matches them if the build fails"
        return
    fi
    local missing
    mapfile -t missing < <(missing_of "$@")
    [ ${#missing[@]} -gt 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "these system packages are missing, and installing them needs root. Run, then try again:"
            say "  sudo apt-get install --no-install-recommends ${missing[*]}"
            return 1
        fi
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    "${apt[@]}" update >&2 || say "the package lists could not be read anew; trying with those that are there"
    if ! "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" </dev/null >&2; then
        say "apt could not install ${missing[*]}"
        return 1
    fi
}

# The packages of the window, once per lock file and Node version.
ensure_ui() {
    if [ ! -f ui/package-lock.json ]; then
        say "ui/package-lock.json is missing: this is not a whole checkout"
        return 1
    fi
    local stamp=ui/node_modules/.setup-stamp now
    now=$(node --version; sha256sum ui/package.json ui/package-lock.json)
    [ "$(cat "$stamp" 2>/dev/null)" != "$now" ] || return 0
    say "installing the window's packages"
    npm --prefix ui ci --no-audit --no-fund </dev/null >&2
    printf '%s\n' "$now" >"$stamp"
}

[ $# -eq 1 ] || usage
packages=("${BUILD_PACKAGES[@]}")
case $1 in
    run) [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || packages+=("${DISPLAY_PACKAGES[@]}") ;;
    test) packages+=("${DISPLAY_PACKAGES[@]}" "${TEST_PACKAGES[@]}") ;;
    *) usage ;;
esac

# All that is missing is said at once, so that one round trip mends it.
ready=0
check_tools || ready=1
ensure_packages "${packages[@]}" || ready=1
[ "$ready" = 0 ] || exit 1
ensure_ui
