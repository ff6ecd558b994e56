#!/usr/bin/env bash
# Open the app's window.
#
#   run.sh PROGRAM [ARGUMENT...]
#
# With a display, PROGRAM simply takes this script's place. Without one, a virtual display is started with a window
# manager and, if there is none, a session bus; a picture of the window is saved as soon as it is drawn, and everything
# goes on until PROGRAM ends or this script is interrupted. What was started is then ended, by process id.
# shellcheck disable=SC2317 # functions are called through until_true and the trap
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

SCREEN=1440x900x24
PICTURE=target/screens/run.png
START_WAIT_S=20
DRAWN_WAIT_S=90
STOP_WAIT_S=5
# An empty window has one colour, a frame a handful; text alone has more shades than this.
COLOURS_MIN=64
# At five looks a second, or fewer.
STILL_LOOKS_MIN=8
DRAWN_LOOKS_MAX=50

say() { printf 'run: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

[ $# -ge 1 ] || { say "usage: run.sh PROGRAM [ARGUMENT...]"; exit 2; }
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec "$@"
fi

scratch=$(mktemp -d)
# Ours, in the order in which they were started.
children=()

is_alive() { kill -0 "$1" 2>/dev/null; }

# until_true SECONDS COMMAND...: tries COMMAND, again and again, until it succeeds; fails when the time is over.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

is_gone() { ! is_alive "$1"; }

stop() {
    # A second Ctrl-C must not leave half of it running.
    trap '' INT TERM HUP
    local n pid
    for ((n = ${#children[@]} - 1; n >= 0; n--)); do
        pid=${children[n]}
        kill -TERM "$pid" 2>/dev/null || continue
        until_true "$STOP_WAIT_S" is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start NAME COMMAND...: runs COMMAND beside us; its words go to a file, shown if it fails.
start() {
    local name=$1
    shift
    # Whoever waits for its first line may look before it runs.
    : >"$scratch/$name.out"
    "$@" </dev/null >"$scratch/$name.out" 2>"$scratch/$name.err" &
    children+=("$!")
}

# has_said NAME: whether it has written a whole line.
has_said() { [ "$(wc -l <"$scratch/$1.out")" -ge 1 ]; }

expect_line() {
    until_true "$START_WAIT_S" has_said "$1" && return
    cat "$scratch/$1.err" >&2
    die "$1 did not start within $START_WAIT_S s"
}

start_display() {
    # Other users of this machine must not see the screen: the window may show what production says.
    export XAUTHORITY=$scratch/Xauthority
    local cookie
    cookie=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    # The cookie is for whichever display is free: the server says which one only once it runs.
    xauth -q -f "$XAUTHORITY" add :0 . "$cookie" 2>/dev/null
    start Xvfb Xvfb -displayfd 1 -screen 0 "$SCREEN" -nolisten tcp -auth "$XAUTHORITY"
    expect_line Xvfb
    DISPLAY=:$(head -n 1 "$scratch/Xvfb.out")
    # Else GTK would find the desktop of somebody who is logged in here, and open the window there.
    export DISPLAY GDK_BACKEND=x11
    xauth -q -f "$XAUTHORITY" add "$DISPLAY" . "$cookie"
}

start_bus() {
    [ -z "${DBUS_SESSION_BUS_ADDRESS:-}" ] || return 0
    [ ! -S "${XDG_RUNTIME_DIR:-/nowhere}/bus" ] || return 0
    start dbus-daemon dbus-daemon --session --nofork --nopidfile --print-address=1
    expect_line dbus-daemon
    DBUS_SESSION_BUS_ADDRESS=$(head -n 1 "$scratch/dbus-daemon.out")
    export DBUS_SESSION_BUS_ADDRESS
}

has_window_manager() { xprop -root _NET_SUPPORTING_WM_CHECK 2>/dev/null | grep -q '# 0x'; }

start_window_manager() {
    start openbox openbox --sm-disable
    until_true "$START_WAIT_S" has_window_manager || die "openbox did not start within $START_WAIT_S s"
}

# Prints the ids of the windows that the window manager shows.
windows() {
    xprop -root _NET_CLIENT_LIST 2>/dev/null | grep -oE '0x[0-9a-f]+' || true
}

is_shown() { xwininfo -id "$1" 2>/dev/null | grep -q 'Map State: IsViewable'; }

colours_of() {
    import -window "$1" "$scratch/window.png" 2>/dev/null && identify -format '%k' "$scratch/window.png" 2>/dev/null
}

# Whether a window is drawn, and does not change any more; one that never rests counts after a while.
colours_before=0
drawn_looks=0
still_looks=0
is_drawn_or_over() {
    is_alive "$app" || return 0
    local window colours
    for window in $(windows); do
        is_shown "$window" || continue
        colours=$(colours_of "$window") || continue
        [ "$colours" -ge "$COLOURS_MIN" ] || continue
        drawn_looks=$((drawn_looks + 1))
        if [ "$colours" = "$colours_before" ]; then
            still_looks=$((still_looks + 1))
        else
            still_looks=0
        fi
        colours_before=$colours
        [ "$still_looks" -lt "$STILL_LOOKS_MIN" ] && [ "$drawn_looks" -lt "$DRAWN_LOOKS_MAX" ] || return 0
    done
    return 1
}

say "there is no display here, so a virtual one is started"
start_display
start_bus
start_window_manager

"$@" </dev/null &
app=$!
children+=("$app")

until_true "$DRAWN_WAIT_S" is_drawn_or_over || die "no window was drawn within $DRAWN_WAIT_S s"
if is_alive "$app"; then
    mkdir -p "$(dirname "$PICTURE")"
    import -window root "$PICTURE"
    say "the window is open on the virtual display $DISPLAY; this is what it shows:"
    printf '%s\n' "$PWD/$PICTURE"
    say "it keeps running until it is interrupted (Ctrl-C)"
fi

code=0
wait "$app" || code=$?
[ "$code" = 0 ] || say "$1 ended with code $code"
exit "$code"
