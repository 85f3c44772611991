/* Sums over the workers. SPDX-License-Identifier: ISC */
#include "figures.h"

static void add(struct toxtcp_server_info *sum, const struct toxtcp_server_info *info)
{
    sum->client_count += info->client_count;
    sum->unconfirmed_count += info->unconfirmed_count;
    sum->route_count += info->route_count;
    sum->online_count += info->online_count;
    sum->paused_count += info->paused_count;
    sum->output_len += info->output_len;
    sum->accepted += info->accepted;
    sum->confirmed += info->confirmed;
    sum->refused_full += info->refused_full;
    sum->refused_source += info->refused_source;
    sum->refused_rate += info->refused_rate;
    sum->evicted += info->evicted;
    sum->confirm_timeouts += info->confirm_timeouts;
    sum->abandoned += info->abandoned;
    sum->handshake_failures += info->handshake_failures;
    sum->protocol_violations += info->protocol_violations;
    sum->pong_timeouts += info->pong_timeouts;
    sum->overflows += info->overflows;
    sum->replaced += info->replaced;
    sum->input_pauses += info->input_pauses;
    sum->data_relayed += info->data_relayed;
    sum->data_dropped += info->data_dropped;
    sum->data_dropped_total += info->data_dropped_total;
    sum->data_dropped_offline += info->data_dropped_offline;
    sum->oob_relayed += info->oob_relayed;
    sum->oob_dropped += info->oob_dropped;
    sum->oob_dropped_absent += info->oob_dropped_absent;
    sum->mesh_sent += info->mesh_sent;
    sum->mesh_received += info->mesh_received;
    sum->mesh_dropped += info->mesh_dropped;
    for (int group = 0; group < TOXTCP_GROUP_COUNT; group++) {
        sum->packets[group] += info->packets[group];
        sum->bytes[group] += info->bytes[group];
    }
}

void relay_figures_sum(const struct relay_figures *figures, struct toxtcp_server_info *sum)
{
    *sum = (struct toxtcp_server_info){0};
    for (uint32_t i = 0; i < figures->worker_count; i++) {
        add(sum, &figures->workers[i].server);
    }
}
