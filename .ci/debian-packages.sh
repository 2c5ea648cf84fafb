#!/usr/bin/env bash
# Installs those of the named Debian packages that are missing, where that is permitted; otherwise says once
# what is missing and goes on: sound, or some tests, are then left out, and say so themselves.
set -u

command -v dpkg-query >/dev/null || exit 0 # not a Debian: the program itself says which library it misses

missing=()
for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        echo "Missing Debian packages (going on without): sudo apt-get install ${missing[*]}" >&2
        exit 0
    fi
fi

echo "Installing Debian packages: ${missing[*]} ..."
install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; }
log=$(mktemp)
if ! { install || { "${as_root[@]}" apt-get update -qq && install; }; } >"$log" 2>&1; then
    tail -n 3 "$log" >&2
    echo "Could not install them (going on without): apt-get install ${missing[*]}" >&2
fi
rm -f "$log"
exit 0
