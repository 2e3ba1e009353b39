#!/bin/sh
# Proves the cold start: clones this checkout (what is committed) into bare Debian roots that hold python3 and git only,
# and runs the README's commands there, as root and as an ordinary user, with an empty HOME.
#
#   tools/bare_debian.sh [-s "bookworm trixie"] [-a "root user"] [-w FOLDER] [-k] [COMMAND...]
#
#   -s  Debian releases                 -a  accounts to run as
#   -w  working folder (needs about 3 GB a root; default /tmp/ampacity-bare)
#   -k  keep the roots afterwards       COMMAND  instead of the demo, the tests and a warm demo, each one word
#
# Needs root and, for the first root of a release, debootstrap. Proxies, package indexes and certificates that the
# environment names are passed on.
set -eu
checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
suites="bookworm trixie" accounts="root user" work=/tmp/ampacity-bare keep=
while getopts s:a:w:k option; do
    case $option in
        s) suites=$OPTARG ;;
        a) accounts=$OPTARG ;;
        w) work=$OPTARG ;;
        k) keep=yes ;;
        *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- "./dev demo --for 10" "./dev test" "./dev demo --for 10"
[ "$(id -u)" = 0 ] || { echo "tools/bare_debian.sh makes Debian roots: run it as root" >&2; exit 1; }

mkdir -p "$work"
results=$work/results.txt
: >"$results"
failed=0

base() { # the bare root of a release, made once
    [ -e "$work/base-$1/.complete" ] && return
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
    rm -rf "$work/base-$1"
    debootstrap --variant=minbase --include=python3,git "$1" "$work/base-$1" >"$work/debootstrap-$1.log"
    touch "$work/base-$1/.complete"
}

enter_network() { # what this machine needs to reach its registries, by the means every tool knows
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    for file in /etc/apt/apt.conf.d/*; do
        if grep -q '^Acquire::' "$file" 2>/dev/null; then cp "$file" "$1/etc/apt/apt.conf.d/"; fi
    done
    variables="LANG=C.UTF-8"
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
        UV_DEFAULT_INDEX UV_INDEX_URL PIP_INDEX_URL npm_config_registry; do
        value=$(printenv "$name" || true)
        if [ -n "$value" ]; then variables="$variables $name=$value"; fi
    done
    if [ -f "${SSL_CERT_FILE:-}" ]; then
        cp "$SSL_CERT_FILE" "$1/etc/authorities.pem"
        for name in SSL_CERT_FILE NODE_EXTRA_CA_CERTS; do variables="$variables $name=/etc/authorities.pem"; done
    fi
}

leave() { # unmounts what is mounted in a root, then removes it
    for folder in dev/shm dev/pts dev proc; do
        if mountpoint -q "$1/$folder"; then umount "$1/$folder"; fi
    done
    if [ -z "$keep" ]; then rm -rf --one-file-system "$1"; fi
}

try() { # RELEASE ACCOUNT COMMAND...
    suite=$1 account=$2
    shift 2
    root=$work/$suite-$account
    if [ -d "$root" ]; then keep='' leave "$root"; fi
    cp -a "$work/base-$suite" "$root"
    trap 'leave "$root"' EXIT
    trap 'exit 130' INT TERM
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    enter_network "$root"
    home=/home/$account
    mkdir -p "$root$home"
    git clone -q --no-hardlinks "$checkout" "$root$home/ampacity"
    if [ "$account" != root ]; then chroot "$root" useradd -d "$home" -s /bin/sh "$account"; fi
    mkdir "$root$home/empty"
    chroot "$root" chown -R "$account:" "$home"
    chmod 700 "$root$home"
    number=0
    for command in "$@"; do
        number=$((number + 1))
        log=$work/$suite-$account-$number.log
        start=$(date +%s)
        status=0
        # shellcheck disable=SC2086
        chroot --userspec="$account" "$root" env -i HOME="$home/empty" PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
            $variables sh -c "cd $home/ampacity && $command" >"$log" 2>&1 </dev/null || status=$?
        seconds=$(($(date +%s) - start))
        if [ "$status" = 0 ]; then verdict=passed; else verdict="FAILED ($status)"; failed=1; fi
        printf '%-9s %-5s %-22s %5s s  %s\n' "$suite" "$account" "$command" "$seconds" "$verdict" | tee -a "$results"
        if [ "$status" != 0 ]; then tail -n 40 "$log"; fi
    done
    trap - EXIT
    leave "$root"
}

for suite in $suites; do
    base "$suite"
    for account in $accounts; do try "$suite" "$account" "$@"; done
done
echo "Results: $results, logs beside it"
exit $failed
