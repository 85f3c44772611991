/* The servers of several loops as one relay: who wakes whom, and when. SPDX-License-Identifier: ISC
 *
 * A server's messages wait in one queue for each other server. When a turn of the sender's loop ends, or a piece of a
 * queue is full, the loops are woken that have got something and were not told yet; so a batch costs one wake-up. A
 * loop hands over a slice of each of its queues in a turn. While there is more it turns again without waiting, and
 * serves its sockets in between. */
#include "mesh.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "internal.h"

/* The async watcher marks, in the same turn the check watcher works, before the sockets' writes. */
enum { PRIORITY_ASYNC = 1, PRIORITY_SLICES = 0 };

struct mesh_member {
    struct toxtcp_ev_mesh *all;
    uint32_t index;
    struct queue *inbox;     /* from each server, by index */
    struct toxtcp_mesh mesh; /* what its server is given */
    pthread_mutex_t gate;    /* of `joined`, for who wakes it */
    bool joined;
    atomic_bool told;        /* it will look into its queues */
    atomic_bool short_again; /* a queue that it writes to is not long any more */
    /* The rest belongs to its own thread. */
    struct toxtcp_ev *ev;
    struct toxtcp_server *server;
    struct ev_async async;
    struct ev_check check;
    struct ev_idle idle; /* keeps the loop from waiting while there is more */
    bool more;
    bool any_untold;
    bool untold[TOXTCP_MESH_SERVERS_MAX]; /* who has got messages since the last turn */
};

struct toxtcp_ev_mesh {
    uint32_t count;
    struct mesh_member *members;
    struct queue *queues; /* count * count: those to one server side by side */
    struct directory directory;
    atomic_uint_fast64_t wakeups;
};

/* --- Waking --- */

static void wake(struct mesh_member *member)
{
    (void)pthread_mutex_lock(&member->gate);
    if (member->joined) {
        ev_async_send(member->ev->loop, &member->async);
        (void)atomic_fetch_add(&member->all->wakeups, 1);
    }
    (void)pthread_mutex_unlock(&member->gate);
}

static void tell(struct mesh_member *member)
{
    if (!atomic_exchange(&member->told, true)) {
        wake(member);
    }
}

void mesh_tell_others(struct mesh_member *member)
{
    if (!member->any_untold) {
        return;
    }
    member->any_untold = false;
    for (uint32_t i = 0; i < member->all->count; i++) {
        if (member->untold[i]) {
            member->untold[i] = false;
            tell(&member->all->members[i]);
        }
    }
}

/* --- What the core asks for --- */

static int mesh_claim(void *user, const struct toxtcp_public_key *key, uint64_t *serial, int *before)
{
    struct mesh_member *member = user;

    return directory_claim(&member->all->directory, key, member->index, serial, before);
}

static void mesh_release(void *user, const struct toxtcp_public_key *key, uint64_t serial)
{
    directory_release(&((struct mesh_member *)user)->all->directory, key, serial);
}

static int mesh_locate(void *user, const struct toxtcp_public_key *key)
{
    return directory_locate(&((struct mesh_member *)user)->all->directory, key);
}

static int mesh_send(void *user, uint32_t to, const uint8_t *message, size_t len, bool droppable)
{
    struct mesh_member *member = user;
    struct mesh_member *receiver = &member->all->members[to];

    assert(to < member->all->count && to != member->index);
    const int result = queue_put(&receiver->inbox[member->index], message, len, droppable);
    if (result == QUEUE_PUT_PIECE || result == QUEUE_PUT_LONG) {
        tell(receiver);
    } else if (result == QUEUE_PUT) {
        member->untold[to] = true;
        member->any_untold = true;
    }
    return result == QUEUE_PUT_PIECE ? 0 : result;
}

/* --- Receiving --- */

struct inbox_reader {
    struct mesh_member *member;
    uint32_t from;
    uint64_t now_ms;
};

static void receive(void *user, const uint8_t *message, size_t len)
{
    const struct inbox_reader *reader = user;

    toxtcp_server_mesh_receive(reader->member->server, reader->from, message, len, reader->now_ms);
    /* One client may be meant by what is in all queues. */
    turn_handled(reader->member->ev, len);
}

/* A queue that this member writes to is not long any more. */
static void say_short_again(struct mesh_member *member)
{
    atomic_store(&member->short_again, true);
    tell(member);
}

static void read_inbox(struct mesh_member *member, uint32_t from, uint64_t now_ms)
{
    struct inbox_reader reader = {member, from, now_ms};
    bool short_again = false;

    if (queue_read(&member->inbox[from], receive, &reader, &short_again)) {
        member->more = true;
    }
    if (short_again) {
        say_short_again(&member->all->members[from]);
    }
}

static void read_slices(struct mesh_member *member)
{
    const uint64_t now_ms = toxtcp_ev_now(member->ev);

    /* Who writes from now on tells again. */
    atomic_store(&member->told, false);
    member->more = false;
    driver_enter(member->ev);
    if (atomic_exchange(&member->short_again, false)) {
        toxtcp_server_mesh_drained(member->server, now_ms);
    }
    for (uint32_t from = 0; from < member->all->count; from++) {
        if (from != member->index) {
            read_inbox(member, from, now_ms);
        }
    }
    driver_leave(member->ev);
}

static void on_async(struct ev_loop *loop, struct ev_async *async, int events)
{
    (void)loop;
    (void)events;
    ((struct mesh_member *)async->data)->more = true;
}

static void on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
    struct mesh_member *member = check->data;

    (void)events;
    if (!member->more) {
        return;
    }
    read_slices(member);
    if (member->more) {
        /* Nobody needs to tell a loop that does not wait. */
        atomic_store(&member->told, true);
        ev_idle_start(loop, &member->idle);
    } else {
        ev_idle_stop(loop, &member->idle);
    }
}

static void on_idle(struct ev_loop *loop, struct ev_idle *idle, int events)
{
    (void)loop;
    (void)idle;
    (void)events;
}

static void start_watchers(struct mesh_member *member)
{
    struct ev_loop *loop = member->ev->loop;

    ev_async_init(&member->async, on_async);
    ev_check_init(&member->check, on_check);
    ev_idle_init(&member->idle, on_idle);
    ev_set_priority(&member->async, PRIORITY_ASYNC);
    ev_set_priority(&member->check, PRIORITY_SLICES);
    member->async.data = member;
    member->check.data = member;
    ev_async_start(loop, &member->async);
    ev_check_start(loop, &member->check);
    /* They do not keep the loop alive. */
    ev_unref(loop);
    ev_unref(loop);
}

static void stop_watchers(struct mesh_member *member)
{
    struct ev_loop *loop = member->ev->loop;

    ev_ref(loop);
    ev_ref(loop);
    ev_idle_stop(loop, &member->idle);
    ev_check_stop(loop, &member->check);
    ev_async_stop(loop, &member->async);
}

/* --- Joining and leaving --- */

static void set_joined(struct mesh_member *member, bool joined)
{
    (void)pthread_mutex_lock(&member->gate);
    member->joined = joined;
    (void)pthread_mutex_unlock(&member->gate);
}

int toxtcp_ev_mesh_join(struct toxtcp_ev_mesh *mesh, uint32_t index, struct toxtcp_ev *ev, struct toxtcp_server *server)
{
    if (index >= mesh->count || mesh->members[index].server || ev->member) {
        return TOXTCP_ERR_INVALID;
    }
    struct mesh_member *member = &mesh->members[index];
    toxtcp_server_join(server, &member->mesh, index);
    member->server = server;
    member->ev = ev;
    ev->member = member;
    start_watchers(member);
    /* Whoever told it before has told nobody. */
    member->more = true;
    ev_idle_start(ev->loop, &member->idle);
    set_joined(member, true);
    for (uint32_t from = 0; from < mesh->count; from++) {
        queue_open(&member->inbox[from]);
    }
    return TOXTCP_OK;
}

void toxtcp_ev_mesh_leave(struct toxtcp_ev_mesh *mesh, uint32_t index)
{
    struct mesh_member *member = &mesh->members[index];

    assert(index < mesh->count && member->server);
    driver_enter(member->ev);
    toxtcp_server_leave(member->server);
    driver_leave(member->ev);
    mesh_tell_others(member);
    set_joined(member, false);
    for (uint32_t from = 0; from < mesh->count; from++) {
        if (queue_close(&member->inbox[from])) {
            say_short_again(&mesh->members[from]);
        }
    }
    stop_watchers(member);
    atomic_store(&member->short_again, false);
    member->more = false;
    member->ev->member = NULL;
    member->ev = NULL;
    member->server = NULL;
}

/* --- The mesh --- */

static void init_member(struct toxtcp_ev_mesh *mesh, uint32_t index)
{
    struct mesh_member *member = &mesh->members[index];

    member->all = mesh;
    member->index = index;
    member->inbox = mesh->queues + (size_t)index * mesh->count;
    member->mesh = (struct toxtcp_mesh){
        .user = member,
        .claim = mesh_claim,
        .release = mesh_release,
        .locate = mesh_locate,
        .send = mesh_send,
    };
    (void)pthread_mutex_init(&member->gate, NULL);
    for (uint32_t from = 0; from < mesh->count; from++) {
        queue_init(&member->inbox[from]);
    }
}

int toxtcp_ev_mesh_new(uint32_t count, struct toxtcp_ev_mesh **mesh)
{
    if (count == 0 || count > TOXTCP_MESH_SERVERS_MAX || sodium_init() < 0) {
        return TOXTCP_ERR_INVALID;
    }
    struct toxtcp_ev_mesh *made = calloc(1, sizeof *made);
    struct mesh_member *members = calloc(count, sizeof *members);
    struct queue *queues = calloc((size_t)count * count, sizeof *queues);
    if (!made || !members || !queues) {
        free(made);
        free(members);
        free(queues);
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->count = count;
    made->members = members;
    made->queues = queues;
    directory_init(&made->directory);
    for (uint32_t i = 0; i < count; i++) {
        init_member(made, i);
    }
    *mesh = made;
    return TOXTCP_OK;
}

void toxtcp_ev_mesh_free(struct toxtcp_ev_mesh *mesh)
{
    if (!mesh) {
        return;
    }
    for (uint32_t i = 0; i < mesh->count; i++) {
        assert(!mesh->members[i].server);
        (void)pthread_mutex_destroy(&mesh->members[i].gate);
    }
    for (size_t i = 0; i < (size_t)mesh->count * mesh->count; i++) {
        queue_finish(&mesh->queues[i]);
    }
    directory_finish(&mesh->directory);
    free(mesh->queues);
    free(mesh->members);
    free(mesh);
}

void toxtcp_ev_mesh_get_info(struct toxtcp_ev_mesh *mesh, struct toxtcp_ev_mesh_info *info)
{
    *info = (struct toxtcp_ev_mesh_info){
        .key_count = directory_count(&mesh->directory),
        .wakeups = atomic_load(&mesh->wakeups),
    };
    for (size_t i = 0; i < (size_t)mesh->count * mesh->count; i++) {
        queue_add_info(&mesh->queues[i], info);
    }
}
