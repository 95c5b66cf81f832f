/* windows.c: see windows.h. A few records in a store's life, so they are read as they stand. */
#include "windows.h"

#include "system_types.h"

#include <string.h>

static void take_field(hf_window *window, const hf_field_view *field)
{
    if (field->value_count == 0) return;
    hf_reader reader = hf_reader_open(field->shown.data ? field->shown : field->values[0].value);
    if (field->number == HF_WINDOW_FROM) window->from_ms = hf_read_uint(&reader);
    if (field->number == HF_WINDOW_UNTIL) window->until_ms = hf_read_uint(&reader);
    if (field->number != HF_WINDOW_WHY && field->number != HF_WINDOW_STANDING) return;
    hf_bytes text = hf_read_text(&reader);
    if (field->number == HF_WINDOW_STANDING) {
        window->called_off = !hf_bytes_equal(text, (hf_bytes){(const uint8_t *)"planned", 7});
        return;
    }
    size_t size = text.size < sizeof window->why ? text.size : sizeof window->why - 1;
    while (size < text.size && size && (text.data[size] & 0xc0) == 0x80) size--; /* UTF-8 */
    if (size) memcpy(window->why, text.data, size);
    window->why[size] = 0;
}

static hf_status on_id(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    hf_buffer *ids = context;
    (void)scope;
    if (!deleted) hf_write_raw(ids, (hf_bytes){(const uint8_t *)id, sizeof *id});
    return ids->status;
}

hf_status hf_windows_each(hf_store *store, hf_window_visitor visit, void *context)
{
    hf_buffer ids = {0};
    hf_status status = hf_store_list(store, HF_TYPE_WINDOW, NULL, SIZE_MAX, on_id, &ids);
    for (size_t i = 0; i < ids.size / sizeof(hf_record_id) && status == HF_OK; i++) {
        hf_window window = {.from_ms = 0};
        hf_view *view;
        memcpy(&window.id, ids.data + i * sizeof window.id, sizeof window.id);
        status = hf_store_get(store, &window.id, &view);
        if (status != HF_OK) break;
        for (size_t j = 0; j < hf_view_field_count(view); j++)
            take_field(&window, hf_view_field(view, j));
        hf_view_free(view);
        status = visit(context, &window);
    }
    hf_buffer_free(&ids);
    return status;
}

typedef struct next_walk {
    uint64_t wall_ms;
    hf_window *out;
    bool *found;
} next_walk;

static hf_status on_window(void *context, const hf_window *window)
{
    next_walk *walk = context;
    if (window->called_off || window->until_ms <= walk->wall_ms) return HF_OK;
    if (*walk->found && walk->out->from_ms <= window->from_ms) return HF_OK;
    *walk->out = *window;
    *walk->found = true;
    return HF_OK;
}

hf_status hf_windows_next(hf_store *store, uint64_t wall_ms, hf_window *out, bool *found)
{
    next_walk walk = {.wall_ms = wall_ms, .out = out, .found = found};
    *found = false;
    return hf_windows_each(store, on_window, &walk);
}
