#!/bin/sh
# Installs Runnel's executable, checked against its checksum:
#
#   RUNNEL_RELEASES=https://…/download/v0.2.0 sh install.sh
#
# RUNNEL_RELEASES is the folder of a release, with the executables and SHA256SUMS in it; of a published install.sh it is
# its own. RUNNEL_BIN: where the executable goes; else /usr/local/bin for root, ~/.local/bin for everybody else.
set -eu
HOME=${HOME:-}
releases=${RUNNEL_RELEASES:-@RELEASES@}
say() { echo "install.sh: $*" >&2; }
fail() { say "$@" && exit 1; }

case $releases in
  http://*@*) fail "RUNNEL_RELEASES=$releases: needs https:// where somebody logs in" ;;
  https://*) only_https="--proto =https --proto-redir =https" ;;
  http://127.0.0.1:* | http://localhost:*) only_https= ;;
  @*) fail "say with RUNNEL_RELEASES where the releases are" ;;
  *) fail "RUNNEL_RELEASES=$releases: needs https://" ;;
esac
case $(uname -s) in
  Linux) system=linux ;;
  Darwin) system=macos ;;
  *) fail "there is no executable for $(uname -s); with Deno it runs from the source" ;;
esac
case $(uname -m) in
  x86_64 | amd64) processor=x64 ;;
  aarch64 | arm64) processor=arm64 ;;
  *) fail "there is no executable for $(uname -m); with Deno it runs from the source" ;;
esac
# The executable needs GNU's C library.
if [ "$system" = linux ] && ! getconf GNU_LIBC_VERSION > /dev/null 2>&1; then
  fail "the executable needs glibc, which this system has not (Alpine?); with Deno it runs from the source"
fi
folder=${RUNNEL_BIN:-}
if [ -z "$folder" ] && [ "$(id -u)" = 0 ]; then folder=/usr/local/bin; fi
[ -n "$folder$HOME" ] || fail "HOME is not set: give a folder by RUNNEL_BIN"
folder=${folder:-$HOME/.local/bin}
mkdir -p "$folder" 2> /dev/null || true
{ [ -d "$folder" ] && [ -w "$folder" ]; } || fail "cannot write to $folder: give another folder by RUNNEL_BIN"
# What is moved onto a folder goes into it.
[ ! -d "$folder/runnel" ] || fail "$folder/runnel is a folder: give another one than $folder by RUNNEL_BIN"
if command -v sha256sum > /dev/null; then sums=sha256sum
elif command -v shasum > /dev/null; then sums="shasum -a 256"
else fail "needs sha256sum or shasum, by which it checks what it fetches"; fi

work=$(mktemp -d "$folder/.runnel.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Not every shell does what is to be done at its exit when a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
fetch() {
  if command -v curl > /dev/null; then curl $only_https -fsSL --retry 3 -o "$work/$1" "$releases/$1"
  elif command -v wget > /dev/null; then wget -q -O "$work/$1" "$releases/$1"
  else fail "needs curl or wget"; fi || fail "cannot fetch $releases/$1"
}
sum() { $sums "$1" | cut -d ' ' -f 1; }

name=runnel-$system-$processor
say "fetching $releases/$name"
fetch SHA256SUMS
expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  *\*\{0,1\}$name\$/\1/p" "$work/SHA256SUMS")
[ -n "$expected" ] || fail "SHA256SUMS of $releases has no line of $name; nothing was installed"
fetch "$name"
found=$(sum "$work/$name")
[ "$found" = "$expected" ] || fail "$name has the checksum $found, where SHA256SUMS says $expected; nothing was installed"
chmod 755 "$work/$name"
version=$("$work/$name" version) || fail "$name does not run on this machine; nothing was installed"
mv -f "$work/$name" "$folder/runnel"
say "$folder/runnel is $(echo "$version" | head -1)"
case :$PATH: in *:"$folder":*) ;; *) say "$folder is not in PATH" ;; esac
