#!/usr/bin/env python3
"""Watches an interface behind which nobody may speak to anybody but a proxy: proxy_watch.py INTERFACE PORT...
SPDX-License-Identifier: ISC

Prints a line for every packet from there that is not TCP to one of the ports of an address of this interface; at SIGTERM
how many there were of either sort. Packets by which neighbours find each other are left out."""
import select
import signal
import socket
import struct
import subprocess
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, PACKET_OUTGOING = 3, 0x0800, 0x86DD, 4
TCP, UDP, ICMPV6 = 6, 17, 58
NEIGHBOURS = {130, 131, 132, 133, 134, 135, 136, 143}

interface, ports = sys.argv[1], {int(port) for port in sys.argv[2:]}
addresses = {
    line.split()[3].split("/")[0]
    for line in subprocess.check_output(["ip", "-o", "addr", "show", "dev", interface], text=True).splitlines()
}


def parts(protocol, packet):
    """Destination, next protocol and what follows; None for what is not IP."""
    if protocol == ETH_P_IP:
        return socket.inet_ntop(socket.AF_INET, packet[16:20]), packet[9], packet[(packet[0] & 15) * 4 :]
    if protocol == ETH_P_IPV6:
        following, rest = packet[6], packet[40:]
        if following == 0:  # hop-by-hop options, of multicast reports
            following, rest = rest[0], rest[(rest[1] + 1) * 8 :]
        return socket.inet_ntop(socket.AF_INET6, packet[24:40]), following, rest
    return None


def judge(protocol, packet):
    """What is wrong with a packet, or None."""
    seen = parts(protocol, packet)
    if seen is None or (seen[1] == ICMPV6 and seen[2][0] in NEIGHBOURS):
        return None
    to, following, rest = seen
    port = struct.unpack_from("!H", rest, 2)[0] if following in (TCP, UDP) else 0
    if following == TCP and to in addresses and port in ports:
        return ""
    name = {TCP: "TCP", UDP: "UDP"}.get(following, f"protocol {following}")
    return f"{name} to {to} port {port}"


def main():
    wake, waker = socket.socketpair()
    signal.signal(signal.SIGTERM, lambda *_: waker.send(b"."))
    watched = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    watched.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    watched.bind((interface, ETH_P_ALL))
    watched.setblocking(False)
    allowed = forbidden = 0
    ending = False
    print("watching", flush=True)
    while True:
        readable = select.select([watched, wake], [], [], 0 if ending else None)[0]
        if watched in readable:
            packet, (_, protocol, kind, *_rest) = watched.recvfrom(65535)
            verdict = None if kind == PACKET_OUTGOING else judge(protocol, packet)
            allowed += verdict == ""
            if verdict:
                forbidden += 1
                print(verdict, flush=True)
        elif ending:
            break
        ending = ending or wake in readable
    print(f"{allowed} to the proxies, {forbidden} elsewhere", flush=True)


main()
