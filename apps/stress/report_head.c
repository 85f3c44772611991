/* What a document begins with: the program, the command, the machine. SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <toxtcp/toxtcp.h>

#include "../common/address_text.h"
#include "report.h"

enum { LINE_SIZE = 512 };

static json_t *cpu_model(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[LINE_SIZE];
    json_t *model = NULL;

    while (file != NULL && model == NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", strlen("model name")) == 0 && colon != NULL) {
            colon += 1 + strspn(colon + 1, " \t");
            model = json_stringn(colon, strcspn(colon, "\n"));
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return model == NULL ? json_string("unknown") : model;
}

static json_t *machine_json(void)
{
    struct utsname name;
    json_t *machine = json_object();

    (void)json_object_set_new(machine, "cpu", cpu_model());
    (void)json_object_set_new(machine, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    if (uname(&name) == 0) {
        (void)json_object_set_new(machine, "kernel",
                                  json_sprintf("%s %s %s", name.sysname, name.release, name.machine));
    }
    return machine;
}

/* Arguments need not be UTF-8, as JSON has to be; those that are not are written with question marks. */
static json_t *argument_json(const char *argument)
{
    char copy[LINE_SIZE];
    json_t *text = json_string(argument);

    if (text != NULL) {
        return text;
    }
    (void)snprintf(copy, sizeof copy, "%s", argument);
    for (char *byte = copy; *byte != '\0'; byte++) {
        *byte = (unsigned char)*byte >= 0x80 ? '?' : *byte;
    }
    return json_string(copy);
}

static json_t *now_json(void)
{
    const time_t now = time(NULL);
    struct tm parts;
    char text[32];

    if (gmtime_r(&now, &parts) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        return json_null();
    }
    return json_string(text);
}

json_t *report_head(const struct stress_options *options)
{
    json_t *document = json_object();
    json_t *command = json_array();

    for (int i = 0; i < options->argument_count; i++) {
        (void)json_array_append_new(command, argument_json(options->arguments[i]));
    }
    (void)json_object_set_new(document, "toxtcp_stress", json_string(toxtcp_version()));
    (void)json_object_set_new(document, "time", now_json());
    (void)json_object_set_new(document, "command", command);
    (void)json_object_set_new(document, "machine", machine_json());
    return document;
}

json_t *report_relay(const struct relay_entry *relay)
{
    const struct toxtcp_endpoint endpoint = relay_entry_endpoint(relay);
    char text[ENDPOINT_TEXT_SIZE];

    endpoint_text_format(&endpoint, text);
    return json_string(text);
}
