#!/usr/bin/env bash
# Unpack a real RabbitMQ broker, with all it needs, into a directory.
#
#   fetch-rabbitmq.sh SUITE DEST
#
# SUITE  bookworm (RabbitMQ 3.10), trixie (4.0), forky (4.3 or later), or
#        "own": the release this machine runs.
# DEST   becomes a root file system to be entered by bwrap or chroot.
#
# Nothing gets installed: apt works on a private state directory, so neither
# root nor dpkg's database is needed, and brokers of several releases can live
# side by side. The mirror and its keyring are those the machine already trusts.
#
# Prints "SUITE VERSION" on stdout, everything else goes to stderr.
# Exit codes: 0 there, 1 failed, 2 wrong use, 3 the suite's version is too old.
set -euo pipefail

say() { printf 'fetch-rabbitmq: %s\n' "$*" >&2; }
die() { local code=$1; shift; say "$*"; exit "$code"; }

[ $# -eq 2 ] || die 2 "usage: fetch-rabbitmq.sh bookworm|trixie|forky|own DEST"
suite=$1
dest=$2

# Below this version the broker would not show the behaviour it is fetched for.
minimum=
case $suite in
    bookworm | trixie | own) ;;
    forky) minimum=4.3 ;;
    *) die 2 "unknown suite '$suite', expected bookworm, trixie, forky or own" ;;
esac

for tool in apt-get apt-cache apt-config dpkg dpkg-deb flock tar awk; do
    command -v "$tool" >/dev/null || die 1 "$tool is missing: this needs a Debian or Ubuntu machine"
done

os_release() { (. /etc/os-release && eval "printf '%s' \"\${$1:-}\""); }
os=$(os_release ID)
codename=$(os_release VERSION_CODENAME)

# Ubuntu's mirrors carry no Debian suites, and Ubuntu holds no key for them.
if [ "$suite" != own ] && [ "$os" != debian ]; then
    die 2 "'$suite' is a Debian suite and this machine runs '$os': only 'own' can be fetched here"
fi

mkdir -p "$(dirname "$dest")"
dest=$(cd "$(dirname "$dest")" && pwd)/$(basename "$dest")
partial=$dest.partial
state=$dest.apt

# A second caller waits here and then finds the work done. The lock file stays:
# removing it would let a third caller lock a file nobody else sees.
exec 9>"$dest.lock"
flock 9

report() { printf '%s %s\n' "$(cat "$dest/.suite")" "$(cat "$dest/.version")"; }

if [ -f "$dest/.version" ]; then
    report
    exit 0
fi
if [ -e "$dest" ] && ! rmdir "$dest" 2>/dev/null; then
    die 1 "$dest exists and was not made by this script, remove it first"
fi

# Both are leftovers of an interrupted call if they exist: the lock is ours.
rm -rf "$partial" "$state"
trap 'rm -rf "$partial" "$state"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$state"/{etc,keys,var/lists/partial,cache/archives/partial,log}

# --- which mirror, signed by whom ------------------------------------------

# apt is asked for the places, so an APT_CONFIG of the caller counts too.
sourcelist= sourceparts=
eval "$(apt-config shell sourcelist Dir::Etc::sourcelist/f sourceparts Dir::Etc::sourceparts/d)"

# One line per archive: uri, suite, keyring (or "-"), components; tab separated.
list_entries() {
    awk '
        $1 != "deb" { next }
        {
            i = 2; key = "-"
            if ($i ~ /^\[/) {
                while (1) {
                    opt = $i; gsub(/^\[|\]$/, "", opt)
                    if (tolower(opt) ~ /^signed-by=/) { key = substr(opt, 11) }
                    if ($i ~ /\]$/ || i >= NF) { i++; break }
                    i++
                }
            }
            uri = $i; s = $(i + 1); comps = ""
            for (j = i + 2; j <= NF && $j !~ /^#/; j++) comps = comps (comps == "" ? "" : " ") $j
            print uri "\t" s "\t" key "\t" comps
        }' "$1"
}

# A Signed-By may be a path, fingerprints, or a whole key in the field itself;
# apt takes the last from a file only when it is named in a one-line source.
sources_entries() {
    awk -v keys="$2" -v stem="$(basename "$1")" '
        function flush(   u, s, i, j, n, m, file, key, k) {
            if (f["types"] ~ /(^| )deb( |$)/ && tolower(f["enabled"]) !~ /^(no|false|without|off|disable|0)$/) {
                key = f["signed-by"]
                if (index(block["signed-by"], "-----BEGIN")) {
                    file = keys "/" stem "." (++count) ".asc"
                    printf "%s", block["signed-by"] > file
                    close(file)
                    key = file
                }
                gsub(/^ +| +$/, "", key)
                gsub(/[ ,]+/, ",", key)
                n = split(f["uris"], u, " ")
                m = split(f["suites"], s, " ")
                for (i = 1; i <= n; i++)
                    for (j = 1; j <= m; j++)
                        print u[i] "\t" s[j] "\t" (key == "" ? "-" : key) "\t" f["components"]
            }
            for (k in f) delete f[k]
            for (k in block) delete block[k]
            name = ""
        }
        /^#/ { next }
        /^[ \t]*$/ { flush(); next }
        /^[ \t]/ {
            line = $0; sub(/^[ \t]/, "", line)
            block[name] = block[name] (line == "." ? "" : line) "\n"
            gsub(/^[ \t]+|[ \t]+$/, "", line)
            f[name] = f[name] (f[name] == "" ? "" : " ") line
            next
        }
        {
            name = tolower(substr($0, 1, index($0, ":") - 1))
            line = substr($0, index($0, ":") + 1)
            gsub(/^[ \t]+|[ \t]+$/, "", line); gsub(/[ \t]+/, " ", line)
            f[name] = line
        }
        END { flush() }' "$1"
}

entries() {
    local file
    shopt -s nullglob
    for file in "$sourcelist" "${sourceparts%/}"/*.list; do
        [ -f "$file" ] && list_entries "$file"
    done
    for file in "${sourceparts%/}"/*.sources; do
        sources_entries "$file" "$state/keys"
    done
    shopt -u nullglob
}

# Vendors' archives use the release's name and "main" as well, so the entry that
# looks most like the distribution's own archive wins, the earlier one on a tie.
# A name with "-" or "/" is an update, security or backport suite.
entry=$(entries | awk -F'\t' -v os="$os" -v codename="$codename" '
    $1 ~ /^cdrom:/ || $2 ~ /[-\/]/ || (" " $4 " ") !~ / main / { next }
    {
        score = 1
        if ($2 == codename) score += 4
        if ($3 ~ (os "-archive-keyring")) score += 2
        if ($1 ~ ("/" os "(-ports)?/?$") || $1 ~ /^mirror/) score += 1
        if (score > best) { best = score; line = $0 }
    }
    END { print line }')
[ -n "$entry" ] || die 1 "no archive with the component 'main' in the machine's apt sources"
IFS=$'\t' read -r uri own_suite keyring components <<<"$entry"

if [ "$suite" = own ]; then
    take=$own_suite
    label=${codename:-$own_suite}
else
    take=$suite
    label=$suite
    components=main
fi

# --- download -----------------------------------------------------------------

arch=$(dpkg --print-architecture)
# Only the package index: translations and software-centre data are of no use.
options="arch=$arch target=Packages"
[ "$keyring" = - ] || options="$options signed-by=$keyring"
printf 'deb [%s] %s %s %s\n' "$options" "$uri" "$take" "$components" >"$state/etc/sources.list"
: >"$state/status"

# Read after the machine's own configuration, whose proxy has to stay in force.
# Its hooks must not run: some delete from the machine's package cache. Its pins
# and default release speak of suites that do not exist here.
cat >"$state/etc/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::Default-Release;
Dir::State "$state/var";
Dir::State::lists "$state/var/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
Dir::Cache::archives "$state/cache/archives";
Dir::Log "$state/log";
Dir::Etc::sourcelist "$state/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
// apt's own user could not write below a directory of root or of a developer.
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Keep-Downloaded-Packages "true";
Acquire::Retries "3";
Acquire::http::Timeout "60";
Acquire::https::Timeout "60";
CONF

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -q -c "$state/etc/apt.conf" "$@" >&2; }

say "reading $take from $uri"
# By default apt-get update calls an unreachable mirror a warning.
apt_get -o APT::Update::Error-Mode=any update || die 1 "cannot read $take from $uri"

version=$(apt-cache -c "$state/etc/apt.conf" show --no-all-versions rabbitmq-server |
    awk '$1 == "Version:" && !v { v = $2 } END { print v }')
[ -n "$version" ] || die 1 "$take has no rabbitmq-server for $arch"
if [ -n "$minimum" ] && ! dpkg --compare-versions "$version" ge "$minimum"; then
    die 3 "$take has RabbitMQ $version, at least $minimum is needed"
fi

# The status file is empty, so nothing counts as installed, not even what every
# Debian has: the shell and the tools the start scripts call are named here.
apt_get --download-only install rabbitmq-server base-files dash coreutils sed grep gawk mawk \
    bash libc-bin hostname procps || die 1 "cannot download RabbitMQ $version from $uri"

# --- unpack ---------------------------------------------------------------------

mkdir "$partial"
# Older releases ship files below /bin and /lib and expect these links to exist.
for dir in bin sbin lib lib64; do
    mkdir -p "$partial/usr/$dir"
    ln -s "usr/$dir" "$partial/$dir"
done

# Same as "dpkg -x", which offers no way to leave out what no broker reads.
unpack() {
    dpkg-deb --fsys-tarfile "$1" | tar -x -f - -C "$partial" --keep-directory-symlink \
        --no-same-owner --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
        --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*'
}

shopt -s nullglob
debs=("$state"/cache/archives/*.deb)
base=("$state"/cache/archives/base-files_*.deb)
shopt -u nullglob
[ ${#base[@]} -eq 1 ] || die 1 "base-files was not downloaded"
say "unpacking ${#debs[@]} packages"
unpack "${base[0]}"
for deb in "${debs[@]}"; do
    [ "$deb" = "${base[0]}" ] || unpack "$deb"
    # At once, to need the room of the packages only once.
    rm -f "$deb"
done

# These links come from maintainer scripts, which have not run.
[ -e "$partial/usr/bin/awk" ] || ln -s mawk "$partial/usr/bin/awk"
[ -e "$partial/usr/bin/sh" ] || ln -s dash "$partial/usr/bin/sh"
# Without them the name "localhost" would be asked of a name server.
printf '127.0.0.1 localhost\n::1 localhost\n' >"$partial/etc/hosts"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$partial/etc/nsswitch.conf"
# Mount points: the tree is mounted read-only, so they cannot be made later.
mkdir -p "$partial"/{proc,dev,tmp,w}
chmod 1777 "$partial/tmp"
# For a plain chroot on machines that refuse any mount; bwrap brings its own /dev.
if [ "$(id -u)" = 0 ]; then
    mknod -m 666 "$partial/dev/null" c 1 3 2>/dev/null || rm -f "$partial/dev/null"
    mknod -m 666 "$partial/dev/urandom" c 1 9 2>/dev/null || rm -f "$partial/dev/urandom"
fi
# Nobody updates this tree, so it must not offer set-user-id programs.
find "$partial" -type f -perm /6000 -exec chmod a-s {} +

server=("$partial"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server)
[ -f "${server[0]}" ] || die 1 "the package rabbitmq-server $version holds no sbin/rabbitmq-server"

printf '%s\n' "$label" >"$partial/.suite"
printf '%s\n' "$version" >"$partial/.version"
mv -T "$partial" "$dest"
report
