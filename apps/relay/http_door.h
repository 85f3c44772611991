/* Who comes in to the HTTP server: its listening socket, the names it goes by, and slow ones who hold a place.
 * SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_HTTP_DOOR_H
#define APPS_RELAY_HTTP_DOOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "../common/problem.h"

/* Listens; `*found` is the address with the port that it got. Returns the socket, or -1 with `problem` set. */
int http_door_listen(const struct toxtcp_address *address, struct toxtcp_address *found, struct problem *problem);

bool http_door_is_loopback(const struct toxtcp_address *address);

/* Whether a Host header names this machine to itself: "localhost" or a loopback address, with a port or without. A page
 * from elsewhere whose name has been pointed at 127.0.0.1 has its own name there. NULL, from a program that sends none,
 * will do: browsers do. */
bool http_door_is_local_name(const char *host);

/* Connections that are let in; and places, of which some must always be free: libmicrohttpd 0.9.75 stands still when it
 * is given more than it takes. */
enum { HTTP_CONNECTIONS_MAX = 32, HTTP_PLACES = 64 };

/* The connections, so that none stays for long without having asked for something. Any thread may call. */
struct http_door {
    pthread_mutex_t lock;
    uint32_t count;
    uint32_t expected; /* let in, but not there yet */
    struct {
        int fd; /* -1: free */
        uint64_t since_ms;
    } places[HTTP_PLACES];
};

void http_door_init(struct http_door *door);
void http_door_destroy(struct http_door *door);
/* Whether one more may come in. */
bool http_door_has_room(struct http_door *door);
/* One more comes in: or, after all, does not. */
void http_door_expect(struct http_door *door, bool comes);
bool http_door_expects(struct http_door *door);
/* A connection is there, or has got an answer. */
void http_door_renew(struct http_door *door, int fd, uint64_t now_ms);
/* A connection ends; its socket is open still. */
void http_door_leave(struct http_door *door, int fd);
/* Shuts down those that have been there for longer without an answer; expects nobody any more. */
void http_door_cut(struct http_door *door, uint64_t now_ms, uint64_t patience_ms);

#endif
