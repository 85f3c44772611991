#!/bin/bash
# toxtcp-chat on a terminal: the prompt, and lines that come while one is typed. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

start_relay relay 127.0.0.1:0
ALICE=$(key_of alice)
BOB=$(key_of bob)
start_peer bob --relay "$(relay_of relay)" --peer "alice=$ALICE"
exec 9>"$DIR/bob.in"

timeout -k 1 60 python3 - "$CHAT" "$DIR" "$(relay_of relay)" "$BOB" <<'END' || fail 'on the terminal'
import fcntl, os, pty, select, signal, struct, sys, termios, time

chat, directory, relay, bob = sys.argv[1:]
said = open(directory + '/bob.in', 'wb', buffering=0)
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM='xterm', LC_ALL='C.UTF-8')
    os.execv(chat, [chat, '--keys', directory + '/alice.keys', '--relay', relay, '--peer', 'bob=' + bob])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 60, 0, 0))
seen = b''

def expect(text, what):
    """Reads until the screen's bytes since the last expect() contain the text; forgets them up to there."""
    global seen
    end = time.monotonic() + 10
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        try:
            more = os.read(terminal, 65536) if ready else b''
        except OSError:
            more = b''
        if not more:
            sys.exit('%s: waited for %r, there is %r' % (what, text, seen))
        seen += more
    seen = seen[seen.index(text) + len(text):]

def keys(text):
    os.write(terminal, text)

expect(b'bob is online', 'start')
expect(b'bob> ', 'start')
if termios.tcgetattr(terminal)[0] & termios.IXON:
    sys.exit('^S can stop the terminal')
keys('grüß'.encode())
expect('grüß'.encode(), 'typing')
said.write(b'incoming\033[2J\n')
expect(b'\r\033[J' + b'bob: incoming\\x1b[2J\r\n' + 'bob> grüß'.encode(), 'a line that comes while one is typed')
keys(b' dich\r')
expect(b'delivered to bob: 1 ', 'sending')
expect(b'bob> ', 'the next prompt')
keys(b'x' * 70)
expect(b'x' * 15, 'a line of two rows')
time.sleep(0.2)
said.write(b'over two rows\n')
expect(b'\r\033[A\033[Jbob: over two rows\r\nbob> xxx', 'a line that comes while two rows are typed')
keys(b'\x15\x1b[A')
expect('grüß dich'.encode(), 'history')
keys(b'\x15\x1b')
expect(b'\a', 'Escape alone ends by itself')
said.write(b'after an escape\n')
expect(b'bob: after an escape', 'a line after Escape')
expect(b'bob> ', 'the prompt after Escape')
keys(b'/relays\r')
expect(b', primary for bob', '/relays')
keys(b'\x1a')
if not os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]):
    sys.exit('^Z did not stop it')
os.kill(pid, signal.SIGCONT)
expect(b'bob> ', 'going on')
keys(b'still here\r')
expect(b'delivered to bob: 2 ', 'sending after a stop')
keys(b'\x04')
status = os.waitpid(pid, 0)[1]
if not termios.tcgetattr(terminal)[0] & termios.IXON:
    sys.exit('the terminal is not as it was')
if status != 0:
    sys.exit('^D: ended with %d' % status)
END

exec 9>&-
must_end bob 0
printf 'alice: gr\303\274\303\237 dich\nalice: still here\n' >"$DIR/want"
cmp -s "$DIR/bob.out" "$DIR/want" || fail "bob was shown: $(cat "$DIR/bob.out")"
finish
