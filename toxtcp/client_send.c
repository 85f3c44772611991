/* The caller's packets on their way to the relay. SPDX-License-Identifier: ISC */
#include "client.h"

#include <string.h>

/* For the caller: OOB, data, onion, forwarding. */
static int send_packet(struct toxtcp_client *client, const struct packet *packet)
{
    struct box_plain plain;
    const int error = link_send(&client->link, &plain, packet_encode(packet, plain.bytes));

    if (!error) {
        client_pulse_sent(client);
    }
    return error;
}

static int judge_size(size_t len, size_t min, size_t max)
{
    return len < min ? TOXTCP_ERR_EMPTY : len > max ? TOXTCP_ERR_TOO_LONG : TOXTCP_OK;
}

int toxtcp_client_send(struct toxtcp_client *client, struct toxtcp_route handle, const uint8_t *data, size_t len)
{
    const struct route *route = routes_by_handle(&client->routes, handle.index, handle.generation);
    const int error = judge_size(len, 1, TOXTCP_DATA_MAX);

    if (error) {
        return error;
    }
    if (!route) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (route->state != ROUTE_ONLINE) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    return send_packet(client, &(struct packet){.kind = WIRE_DATA, .id = route->id, .data = data, .data_len = len});
}

int toxtcp_client_send_oob(struct toxtcp_client *client, const struct toxtcp_public_key *receiver, const uint8_t *data,
                           size_t len)
{
    const int error = judge_size(len, 1, TOXTCP_OOB_MAX);

    if (error) {
        return error;
    }
    return send_packet(client,
                       &(struct packet){.kind = WIRE_OOB_SEND, .key = *receiver, .data = data, .data_len = len});
}

int toxtcp_client_send_onion(struct toxtcp_client *client, const uint8_t nonce[TOXTCP_ONION_NONCE_SIZE],
                             const uint8_t *body, size_t len)
{
    uint8_t request[TOXTCP_ONION_NONCE_SIZE + TOXTCP_ONION_BODY_MAX];
    const int error = judge_size(len, TOXTCP_ONION_BODY_MIN, TOXTCP_ONION_BODY_MAX);

    if (error) {
        return error;
    }
    memcpy(request, nonce, TOXTCP_ONION_NONCE_SIZE);
    memcpy(request + TOXTCP_ONION_NONCE_SIZE, body, len);
    return send_packet(
        client,
        &(struct packet){.kind = WIRE_ONION_REQUEST, .data = request, .data_len = TOXTCP_ONION_NONCE_SIZE + len});
}

int toxtcp_client_send_forward(struct toxtcp_client *client, const struct toxtcp_address *destination,
                               const uint8_t *data, size_t len)
{
    uint8_t request[TOXTCP_ADDRESS_PACKED_MAX + TOXTCP_FORWARD_DATA_MAX];
    const int error = judge_size(len, 0, TOXTCP_FORWARD_DATA_MAX);
    const int packed = toxtcp_address_pack(destination, TOXTCP_PROTOCOL_UDP, request);

    if (error || packed < 0) {
        return error ? error : packed;
    }
    if (len > 0) {
        memcpy(request + packed, data, len);
    }
    return send_packet(
        client, &(struct packet){.kind = WIRE_FORWARD_REQUEST, .data = request, .data_len = (size_t)packed + len});
}
