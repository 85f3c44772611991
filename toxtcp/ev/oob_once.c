/* One OOB packet through a relay, in as few segments as can be. SPDX-License-Identifier: ISC
 *
 * A ping comes after the packet, in the same segment, with the end of the stream: its pong says that the relay has
 * taken both. Our relay closes then; others, as tox-bootstrapd, hear of the end of a stream only much later.
 *
 * A proxy takes bytes and ends a stream in order whether or not the relay has the bytes, and may cut off both
 * directions when it hears the end of one: through it the stream stays open until the pong comes, and nothing else is
 * success. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct toxtcp_ev_oob {
    struct corpse corpse;
    struct toxtcp_ev *ev;
    struct toxtcp_client *client;
    struct ev_timer timer;
    void (*done)(void *user, int result);
    void *user;
    bool proxied;
    struct toxtcp_public_key receiver;
    size_t len;
    uint8_t data[TOXTCP_OOB_MAX];
};

static void forget(struct toxtcp_ev_oob *oob)
{
    ev_timer_stop(oob->ev->loop, &oob->timer);
    toxtcp_client_free(oob->client);
    driver_bury(oob->ev, &oob->corpse);
}

static void end(struct toxtcp_ev_oob *oob, int result)
{
    void (*done)(void *user, int result) = oob->done;
    void *user = oob->user;

    forget(oob);
    done(user, result);
}

static void on_connected(void *user, struct toxtcp_client *client)
{
    struct toxtcp_ev_oob *oob = user;
    const int error = toxtcp_client_send_oob(client, &oob->receiver, oob->data, oob->len);

    if (error) {
        end(oob, error);
    } else if (!oob->proxied) {
        stream_finish(toxtcp_link_driver_data(toxtcp_client_link(client)));
    }
}

/* The pong has come. */
static void on_measured(void *user, struct toxtcp_client *client)
{
    (void)client;
    end(user, TOXTCP_OK);
}

/* The stream knows whether a relay that closes in order has taken all. */
static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct toxtcp_ev_oob *oob = user;

    (void)client;
    end(oob, error == TOXTCP_ERR_CLOSED && !oob->proxied ? TOXTCP_OK : error);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct toxtcp_ev_oob *oob = timer->data;
    struct toxtcp_ev *ev = oob->ev;

    (void)loop;
    (void)events;
    driver_enter(ev);
    end(oob, TOXTCP_ERR_TIMED_OUT);
    driver_leave(ev);
}

static void start_timer(struct toxtcp_ev_oob *oob, uint32_t timeout_ms)
{
    ev_now_update(oob->ev->loop);
    ev_timer_init(&oob->timer, on_timer, (ev_tstamp)timeout_ms / 1e3, 0.);
    ev_set_priority(&oob->timer, PRIORITY_DEADLINE);
    oob->timer.data = oob;
    ev_timer_start(oob->ev->loop, &oob->timer);
}

/* Errors: fatal ones, and those of toxtcp_client_new(). */
static int dial(struct toxtcp_ev_oob *oob, struct toxtcp_env *env, const struct toxtcp_ev_oob_order *order)
{
    const struct toxtcp_client_callbacks callbacks = {
        .connected = on_connected, .closed = on_closed, .measured = on_measured};
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.connect_timeout_ms = order->timeout_ms;
    config.pong_timeout_ms = order->timeout_ms;
    config.ping_interval_ms = UINT32_MAX / 2;
    config.quiet_ms = 0;
    config.ping_last = true;
    config.proxy = order->proxy;
    int error = toxtcp_client_new(env, &oob->ev->driver, &config, order->keys, order->relay_key, &callbacks, oob,
                                  toxtcp_ev_now(oob->ev), &oob->client);
    if (error) {
        return error;
    }
    error = toxtcp_ev_connect(oob->ev, oob->client, order->relay);
    if (error) {
        toxtcp_client_free(oob->client);
    }
    return error;
}

int toxtcp_ev_send_oob_once(struct toxtcp_ev *ev, struct toxtcp_env *env, const struct toxtcp_ev_oob_order *order,
                            void (*done)(void *user, int result), void *user, struct toxtcp_ev_oob **oob)
{
    if (order->len == 0 || order->len > TOXTCP_OOB_MAX) {
        return order->len == 0 ? TOXTCP_ERR_EMPTY : TOXTCP_ERR_TOO_LONG;
    }
    struct toxtcp_ev_oob *made = calloc(1, sizeof *made);
    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->ev = ev;
    made->done = done;
    made->user = user;
    made->proxied = order->proxy != NULL;
    made->receiver = *order->receiver;
    made->len = order->len;
    memcpy(made->data, order->data, order->len);
    const int error = dial(made, env, order);
    if (error) {
        free(made);
        return error;
    }
    start_timer(made, order->timeout_ms);
    if (oob) {
        *oob = made;
    }
    return TOXTCP_OK;
}

void toxtcp_ev_cancel_oob(struct toxtcp_ev_oob *oob)
{
    forget(oob);
}
