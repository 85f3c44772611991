#!/bin/bash
# Debian's packages hold what `make install` installs, all of it and no more. SPDX-License-Identifier: ISC
set -u
: "${top_srcdir:?make check sets it}" "${top_builddir:?}" "${MAKE:=make}"
export LC_ALL=C
DIR=$(mktemp -d) || exit 1
trap 'rm -rf "$DIR"' EXIT
failures=0

fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

# variable NAME: of the Makefile.
variable() {
    "$MAKE" -s -C "$top_builddir" --no-print-directory --eval="print-it: ; @echo \$($1)" print-it
}

# at_debians_place DIRECTORY PLACE: what lies in the staged DIRECTORY, as paths beneath PLACE.
at_debians_place() {
    (cd "$DIR/stage$1" && find . ! -type d -printf "$2/%P\n")
}

# --- What is installed, where Debian has it ---

# The tests run beneath a make whose options are not for this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
"$MAKE" -s -C "$top_builddir" install DESTDIR="$DIR/stage" >"$DIR/install.log" 2>&1 ||
    fail "make install: $(tail -n 5 "$DIR/install.log")"
libdir=$(variable libdir)
unitdir=$(variable systemdsystemunitdir)
{
    at_debians_place "$(variable bindir)" usr/bin
    at_debians_place "$(variable includedir)" usr/include
    at_debians_place "$(variable datadir)" usr/share
    at_debians_place "$(variable sysusersdir)" usr/lib/sysusers.d
    at_debians_place "$unitdir" lib/systemd/system
    (cd "$DIR/stage$libdir" && find . -maxdepth 1 ! -type d ! -name '*.la' -printf 'usr/lib/TRIPLET/%P\n')
    at_debians_place "$(variable pkgconfigdir)" usr/lib/TRIPLET/pkgconfig
} | sort >"$DIR/installed"
# All of it: nothing lies where nobody has looked.
find "$DIR/stage" ! -type d ! -name '*.la' | wc -l >"$DIR/count"
[ "$(cat "$DIR/count")" = "$(wc -l <"$DIR/installed")" ] ||
    fail "$(cat "$DIR/count") files are installed, $(wc -l <"$DIR/installed") where packages have them"

# --- The packages' lists ---

cat "$top_srcdir"/debian/*.install | awk 'NF { print $1 }' >"$DIR/patterns"
: >"$DIR/packed"
while IFS= read -r pattern; do
    found=
    while IFS= read -r file; do
        # A directory stands for all in it.
        # shellcheck disable=SC2254 # a pattern it is
        case $file in
        $pattern | $pattern/*)
            printf '%s\n' "$file" >>"$DIR/packed"
            found=yes
            ;;
        esac
    done <"$DIR/installed"
    [ -n "$found" ] || fail "debian/*.install names $pattern, which is not installed"
done <"$DIR/patterns"
sort "$DIR/packed" | diff -u "$DIR/installed" - ||
    fail 'the packages do not hold what is installed (- in no package, + in two)'
cat "$top_srcdir"/debian/*.docs "$top_srcdir"/debian/*.examples >"$DIR/documents"
while IFS= read -r file; do
    [ -f "$top_srcdir/$file" ] || fail "debian/ names $file, which is not there"
done <"$DIR/documents"

# --- Symbols, version, what the build needs ---

# symbols_of LIBRARY: as the package lists them.
symbols_of() {
    awk -v library="$1" '/^[^ *]/ { on = $1 == library; next } on && /^ / { sub(/@.*/, "", $1); print $1 }' \
        "$top_srcdir/debian/libtoxtcp0.symbols"
}
for name in toxtcp toxtcp-ev; do
    library=$(cd "$DIR/stage$libdir" && find . -name "lib$name.so.?" -printf '%P\n')
    symbols_of "$library" | diff -u "$top_srcdir/docs/symbols${name#toxtcp}.txt" - ||
        fail "debian/libtoxtcp0.symbols is not what $library exports (- exported, + listed)"
done
version=$(variable PACKAGE_VERSION)
grep -qE -m1 "^toxtcp \(${version//./\\.}[^)]*\)" "$top_srcdir/debian/changelog" ||
    fail "debian/changelog does not begin with version $version"
needed=$(sed -n '/^readonly BUILD_PACKAGES=(/,/)/p' "$top_srcdir/quickstart" | tr -d '()' | tr ' ' '\n' |
    sed -n '/-dev$/p')
for package in $needed; do
    grep -qE "^ $package( |,|\$)" "$top_srcdir/debian/control" || fail "debian/control does not build with $package"
done

# --- The unit ---

unit=$DIR/stage$unitdir/toxtcp-relay.service
relay=$(variable bindir)/toxtcp-relay
sample=$(variable sysconfdir)/toxtcp-relay.conf
! grep -n '@' "$unit" | grep -v 'SystemCallFilter=' || fail 'the unit is not filled in'
grep -qx "ExecStart=$relay --config $sample" "$unit" || fail "the unit does not start $relay --config $sample"
user=$(sed -n 's/^User=//p' "$unit")
grep -q "^u $user " "$DIR/stage$(variable sysusersdir)/toxtcp-relay.conf" || fail "nothing makes the unit's user $user"
# What the unit starts is what is there: the sample with its directories staged.
LD_LIBRARY_PATH=$DIR/stage$libdir "$DIR/stage$relay" --config "$DIR/stage$(variable relayexampledir)/toxtcp-relay.conf" --check-config \
    >"$DIR/check.out" 2>&1 || fail "the relay does not take the sample: $(cat "$DIR/check.out")"

exit $((failures > 0))
