/* Watching code: hv/cpu/engine/watch.py tells why and how.
 *
 * Unicorn calls on_mapping with nothing but its own handle, so a directory leads from there to the accelerator. It is
 * written with the GIL held and read without: a running engine's own entry does not change, and the others are only
 * compared.
 */
#include "accel.h"

enum { ENTRIES = 62, PATIENCE = 256 };
static const uint64_t NOWHERE = 1ull << 63;

typedef struct directory {
    struct { void *_Atomic uc; accel_t *accel; } entries[ENTRIES];
    struct directory *_Atomic more;
} directory_t;

static directory_t directory;

static void forget(const void *uc)
{
    for (directory_t *d = &directory; d; d = d->more)
        for (int i = 0; i < ENTRIES; i++)
            if (d->entries[i].uc == uc)
                d->entries[i].uc = NULL;
}

/* -1 without memory. */
int watch_begin(accel_t *a)
{
    forget(a->uc);  /* a closed engine may have stood at this address, and its accelerator outlived it */
    for (directory_t *d = &directory;; d = d->more) {
        for (int i = 0; i < ENTRIES; i++)
            if (!d->entries[i].uc) {
                d->entries[i].accel = a;
                d->entries[i].uc = a->uc;
                *a->mapping_pointer = (uint64_t)(uintptr_t)on_mapping;
                return 0;
            }
        if (!d->more && !(d->more = calloc(1, sizeof *d)))
            return -1;
    }
}

void watch_end(const accel_t *a)
{
    for (directory_t *d = &directory; d; d = d->more)
        for (int i = 0; i < ENTRIES; i++)
            if (d->entries[i].uc && d->entries[i].accel == a)
                d->entries[i].uc = NULL;
}

static accel_t *owner(const void *uc)
{
    directory_t *d = &directory;
    for (int i = 0;; i++) {
        if (i == ENTRIES) {
            d = d->more;
            i = 0;
        }
        if (OFTEN(d->entries[i].uc == uc))
            return d->entries[i].accel;
    }
}

/* A store into a page that holds code. One that takes ever more of them is data by now, or both: its translations are
 * dropped, and it is watched again when code runs there. Twice as many stores each time, so that what is both pays
 * little for it. */
static void count_store(accel_t *a, uint64_t page)
{
    uint32_t n = ++a->stores[page];
    if (n >= PATIENCE && !(n & (n - 1))) {
        a->code_pages[page] = PAGE_LEAVING;
        a->pace->flags |= FLAG_STOP | FLAG_RELEASE;
    }
}

/* What lies at gpa: asked by Unicorn in every access that takes its slow path. */
void *on_mapping(void *uc, uint64_t gpa)
{
    accel_t *a = owner(uc);
    uint64_t page = gpa >> PAGE_SHIFT, asked = gpa;
    if (page < (uint64_t)a->code_buffer.len && a->code_pages[page]) {
        a->bounds[0] = page << PAGE_SHIFT;
        a->bounds[1] = a->bounds[0] + PAGE_SIZE - 1;
        if (gpa == a->asked) {  /* a load asks once, a store for itself and for the translations behind it */
            count_store(a, page);
            asked = NOWHERE;
        }
    } else {
        a->bounds[0] = a->bounds[1] = NOWHERE;
    }
    a->asked = asked;
    return a->mapping(uc, gpa);
}

/* Translated code is in these pages from now on. The first time, what the TLB calls dirty is forgotten. */
void watch_page(accel_t *a, uint64_t gpa)
{
    uint64_t page = gpa >> PAGE_SHIFT;
    if (page < (uint64_t)a->code_buffer.len && !a->code_pages[page]) {
        a->code_pages[page] = PAGE_CODE;
        a->ctl(a->uc, a->tlb_flush);
    }
}

void watch_block(accel_t *a, uint64_t pc, uint32_t size)
{
    uint64_t at;
    for (uint64_t got = 0; got < size; got += PAGE_SIZE - ((pc + got) & (PAGE_SIZE - 1)))  /* a part a page */
        if (!a->vmem_translate(a->uc, pc + got, PROT_EXEC_ACCESS, &at))
            watch_page(a, at);
}
