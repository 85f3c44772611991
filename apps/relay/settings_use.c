/* What the settings mean for the relay's parts. SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "figures.h"
#include "settings.h"

static void plan_port(struct listen_plan *plan, uint8_t family, uint16_t port, bool needed)
{
    /* All addresses of that family: zeroes. */
    plan->addresses[plan->count] = (struct toxtcp_address){.family = family, .port = port};
    plan->needed[plan->count++] = needed;
}

void settings_listen_plan(const struct settings *settings, struct listen_plan *plan)
{
    *plan = (struct listen_plan){.count = 0};
    for (size_t i = 0; i < settings->listen_count; i++) {
        plan->addresses[plan->count] = settings->listen[i];
        plan->needed[plan->count++] = true;
    }
    for (size_t i = 0; settings->listen_count == 0 && i < settings->port_count; i++) {
        plan_port(plan, TOXTCP_FAMILY_IPV4, settings->ports[i], false);
        if (settings->enable_ipv6) {
            plan_port(plan, TOXTCP_FAMILY_IPV6, settings->ports[i], !settings->enable_ipv4_fallback);
        }
    }
}

uint32_t settings_thread_count(const struct settings *settings)
{
    long cores;

    if (settings->threads > 0) {
        return (uint32_t)settings->threads;
    }
    cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1) {
        return 1;
    }
    return cores > WORKERS_MAX ? (uint32_t)WORKERS_MAX : (uint32_t)cores;
}

/* So that the shares together are not less than the whole; 0 stays "no limit". */
static uint64_t share(uint64_t whole, uint32_t workers)
{
    return (whole + workers - 1) / workers;
}

void settings_server_config(const struct settings *settings, uint32_t workers, struct toxtcp_server_config *config)
{
    toxtcp_server_config_default(config);
    config->clients_max = (uint32_t)share(settings->clients_max, workers);
    config->unconfirmed_max = (uint32_t)share(settings->unconfirmed_max, workers);
    config->per_source_max = (uint32_t)share(settings->per_address_max, workers);
    config->accept_rate_max = (uint32_t)share(settings->accept_rate_max, workers);
    config->accept_burst = (uint32_t)share(settings->accept_burst, workers);
    config->output_total_max = share(settings->output_total_max, workers);
    config->input_rate_max = (uint32_t)settings->input_rate_max;
    config->input_burst = (uint32_t)settings->input_burst;
    config->output_max = (uint32_t)settings->output_max;
    config->control_output_max = (uint32_t)settings->control_output_max;
    config->confirm_timeout_ms = (uint32_t)settings->confirm_timeout_ms;
    config->ping_interval_ms = (uint32_t)settings->ping_interval_ms;
    config->pong_timeout_ms = (uint32_t)settings->pong_timeout_ms;
}

void settings_log_config(const struct settings *settings, struct log_config *config)
{
    config->level = (enum log_level)settings->log_level;
    config->target = (enum log_target)settings->log_target;
    config->json = settings->log_format == 1;
}

/* Its length in the struct; those with lists are not asked for. */
static size_t value_size(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_NUMBER:
    case SETTING_CHOICE:
        return sizeof(uint64_t);
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        return setting->maximum;
    default:
        return sizeof(bool);
    }
}

static void append_name(char *list, size_t size, const char *name)
{
    const size_t len = strlen(list);

    (void)snprintf(list + len, size - len, "%s%s", len == 0 ? "" : ", ", name);
}

void settings_reload(struct settings *settings, const struct settings *fresh, char *changed, char *kept, size_t size)
{
    char before[LISTEN_MAX * TOXTCP_ADDRESS_TEXT_SIZE];
    char after[LISTEN_MAX * TOXTCP_ADDRESS_TEXT_SIZE];

    changed[0] = '\0';
    kept[0] = '\0';
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];

        settings_format(settings, setting, before, sizeof before);
        settings_format(fresh, setting, after, sizeof after);
        if (setting->type == SETTING_UNUSED || strcmp(before, after) == 0) {
            continue;
        }
        append_name(setting->reload ? changed : kept, size, setting->name);
        if (setting->reload) {
            memcpy((char *)settings + setting->offset, (const char *)fresh + setting->offset, value_size(setting));
            settings->given[i] = fresh->given[i];
        }
    }
}
