#!/bin/bash
# Does the simulator see mistakes? Makes each of those in mutations/ in a copy of the sources, and runs seeds until one
# fails. SPDX-License-Identifier: ISC
set -eu
export LC_ALL=C

HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
readonly HERE TOP

usage() {
    cat <<'END'
usage: mutations.sh [OPTION]... [MUTATION]...

Builds toxtcp-sim in a temporary directory, once as it is and once with each mutation (all, or those whose names begin as
given), and says by which seed and which rule each is caught. Exits with 1 when one is not.

  --list       print the mutations, and build nothing
  --markdown   print the table for docs/
  --seeds N    1 to N (500)
  --minutes M  at most so long for the seeds of one mutation (5)
  --help       this text
END
}

die() {
    printf 'mutations.sh: %s\n' "$*" >&2
    exit 2
}

seeds=500
minutes=5
form=text
wanted=()
while [ $# -gt 0 ]; do
    case $1 in
    --list) form=list ;;
    --markdown) form=markdown ;;
    --seeds | --minutes)
        [[ ${2-} =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 needs a number"
        [ "$1" = --seeds ] && seeds=$2 || minutes=$2
        shift
        ;;
    --help)
        usage
        exit 0
        ;;
    -*) die "what is $1? (try --help)" ;;
    *) wanted+=("$1") ;;
    esac
    shift
done
readonly seeds minutes form wanted

# name_of PATCH
name_of() {
    basename "$1" .patch
}

# what_of PATCH: its first line says what is wrong.
what_of() {
    sed -n 1p "$1"
}

is_wanted() {
    local start
    [ ${#wanted[@]} -gt 0 ] || return 0
    for start in "${wanted[@]}"; do
        [[ $(name_of "$1") != "$start"* ]] || return 0
    done
    return 1
}

patches=()
for patch in "$HERE"/mutations/*.patch; do
    ! is_wanted "$patch" || patches+=("$patch")
done
[ ${#patches[@]} -gt 0 ] || die 'no such mutation'

if [ $form = list ]; then
    for patch in "${patches[@]}"; do
        printf '%-34s %s\n' "$(name_of "$patch")" "$(what_of "$patch")"
    done
    exit 0
fi

DIR=$(mktemp -d)
readonly DIR
trap 'rm -rf "$DIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

copy_sources() {
    mkdir "$DIR/src" "$DIR/build"
    tar -C "$TOP" --exclude=./.git --exclude='./build*' --exclude=./autom4te.cache --exclude=./config.status \
        --exclude='*.o' --exclude='*.lo' --exclude='*.la' -cf - . | tar -C "$DIR/src" -xf -
    # The folder of what autotools bring begins like those of builds.
    [ ! -d "$TOP/build-aux" ] || cp -R "$TOP/build-aux" "$DIR/src"
    [ -x "$DIR/src/configure" ] || (cd "$DIR/src" && ./autogen.sh)
    (cd "$DIR/build" && ../src/configure -q --disable-shared --without-ev CFLAGS='-O2 -g')
}

build() {
    make -C "$DIR/build" -s toxtcp-sim
}

# Sets `caught` to "SEED RULE", or to nothing when all seeds are good.
run_seeds() {
    local status=0
    timeout $((60 * minutes)) "$DIR/build/toxtcp-sim" --seeds "1..$seeds" >"$DIR/out" 2>"$DIR/err" || status=$?
    caught=
    case $status in
    0) ;;
    1)
        caught="$(sed -n 's/^replay:.*--seed \([0-9]*\).*/\1/p' "$DIR/out" | head -n 1)"
        caught+=" $(sed -n 's/^FAILED: \([^:]*\):.*/\1/p' "$DIR/out" | head -n 1)"
        ;;
    124) caught='? time' ;;
    *) caught="? status $status" ;;
    esac
}

# The assertion, or what else was said before the end, or what the rule said.
reason() {
    local text
    text=$(sed -n 's/.*Assertion `\(.*\)'\'' failed.*/\1/p' "$DIR/err" | head -n 1)
    [ -n "$text" ] || text=$(tail -n 1 "$DIR/err")
    [ -n "$text" ] || text=$(sed -n 's/^FAILED: [^:]*: //p' "$DIR/out" | head -n 1)
    printf '%s' "$text"
}

report() {
    local patch=$1 seed=${caught%% *} rule=${caught#* }
    if [ -z "$caught" ]; then
        seed=-
        rule='NOT CAUGHT'
    fi
    case $form in
    markdown) printf '| %s | %s | %s | %s |\n' "$(name_of "$patch")" "$(what_of "$patch")" "$seed" "$rule" ;;
    *) printf '%-34s %6s  %-10s %s\n' "$(name_of "$patch")" "$seed" "$rule" "$(reason)" ;;
    esac
}

mutate() {
    patch -d "$DIR/src" -p1 -s --no-backup-if-mismatch "$@"
}

copy_sources >"$DIR/log" 2>&1 || {
    tail -n 20 "$DIR/log"
    die 'cannot be configured'
}
build >"$DIR/log" 2>&1 || {
    tail -n 20 "$DIR/log"
    die 'cannot be built'
}
run_seeds
[ -z "$caught" ] || die "fails without any mutation: seed $caught: $(reason)"

case $form in
markdown) printf '| mutation | mistake | caught by seed | by rule |\n|---|---|---|---|\n' ;;
*) printf '%-34s %6s  %-10s %s\n' mutation seed rule 'what it said' ;;
esac
escaped=0
for patch in "${patches[@]}"; do
    mutate -i "$patch" >"$DIR/log" 2>&1 || {
        cat "$DIR/log"
        die "$(name_of "$patch") does not apply: make it anew"
    }
    build >"$DIR/log" 2>&1 || {
        tail -n 20 "$DIR/log"
        die "$(name_of "$patch") cannot be built"
    }
    run_seeds
    report "$patch"
    [ -n "$caught" ] || escaped=$((escaped + 1))
    mutate -R -i "$patch"
done
if [ $form = text ]; then
    printf '%d of %d caught\n' $((${#patches[@]} - escaped)) ${#patches[@]}
fi
exit $((escaped > 0))
