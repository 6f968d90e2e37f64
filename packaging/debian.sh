#!/bin/sh
# Makes a Debian package of an executable: packaging/debian.sh [EXECUTABLE, default dist/runnel] [FOLDER, default dist].
#
# The package has the executable, the unit, a configuration file with every option at its default, and the documents. Its
# service starts once it is installed, listening on this machine alone. What is removed or purged leaves the data.
# VERSION=… names another version than deno.json does, COMPRESSION=none makes it at once.
set -eu
umask 022
executable=$(realpath "${1:-dist/runnel}")
folder=$(realpath "${2:-dist}")
cd "$(dirname "$0")/.."

version=${VERSION:-$(sed -n 's/^  "version": "\(.*\)",$/\1/p' deno.json)}
# What the executable is for is in its head: 62 is x86-64, 183 is aarch64.
machine=$(od -An -t u2 -j 18 -N 2 "$executable" | tr -d ' ')
case $machine in
  62) architecture=amd64 ;;
  183) architecture=arm64 ;;
  *) echo "debian.sh: $executable is for machine $machine of ELF, not for x86-64 (62) or aarch64 (183)" >&2 && exit 1 ;;
esac
# The newest symbols of the C library that it asks for, and no older library than it is tried on (tests/packaging/debian.sh).
glibc=$( (echo 2.31; grep -ao 'GLIBC_2\.[0-9]*' "$executable" | sed 's/GLIBC_//') | sort -Vu | tail -1)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
put() { install -D -m "$1" "$2" "$root/$3"; }
put 755 "$executable" usr/bin/runnel
put 644 packaging/runnel.service usr/lib/systemd/system/runnel.service
put 644 packaging/runnel.toml etc/runnel/runnel.toml
put 644 packaging/debian/copyright usr/share/doc/runnel/copyright
for file in README.md CHANGELOG.md docs/*.md; do put 644 "$file" "usr/share/doc/runnel/$file"; done
gzip -9n "$root/usr/share/doc/runnel/CHANGELOG.md"
chmod 755 "$root"
mkdir "$root/DEBIAN"
for script in postinst prerm postrm; do install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"; done
echo /etc/runnel/runnel.toml > "$root/DEBIAN/conffiles"
cat > "$root/DEBIAN/control" << END
Package: runnel
Version: $version
Architecture: $architecture
Maintainer: Runnel <runnel@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: libc6 (>= $glibc), libgcc-s1
Recommends: systemd
Suggests: kcat
Section: net
Priority: optional
Description: Kafka-compatible broker in one executable
 Serves Apache Kafka's clients and tools unchanged, without a JVM and without a
 cluster. Its data directory is one that Apache Kafka itself can open.
END
package=$folder/runnel_${version}_$architecture.deb
dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$root" "$package" > /dev/null
echo "$package"
