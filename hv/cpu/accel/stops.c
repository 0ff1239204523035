/* Stops that a debugger asked for: hv/cpu/engine/stops.py tells which hook is where. */
#include "accel.h"

typedef struct { accel_t *accel; uint64_t first, last; } watch_t;

/* Leave before the instruction at address, with its count exact. */
static void stop_before(accel_t *a, uint64_t address)
{
    pace_t *p = a->pace;
    if (p->flags & (FLAG_ABORT | FLAG_STOPPED))
        return;
    save(a);
    locate(a);
    if (p->flags & FLAG_RESUME && address == p->resume_pc && p->now == p->resume_count)
        return;
    const block_t *b = running(a);
    p->left_pc = b ? b->pc : address;
    p->left_end = b ? b->pc + b->size : address;
    leave_block(a);
    p->flags |= FLAG_STOPPED;
    a->emu_stop(a->uc);
}

void on_stop(void *uc, uint64_t address, uint32_t size, void *user)
{
    (void)uc; (void)size;
    stop_before(user, address);
}

/* Means something only in the block that the debugger resumed. */
void on_next(void *uc, uint64_t address, uint32_t size, void *user)
{
    accel_t *a = user;
    (void)uc; (void)size;
    if (a->pace->flags & FLAG_RESUME)
        stop_before(a, address);
}

void on_every(void *uc, uint64_t address, uint32_t size, void *user)
{
    accel_t *a = user;
    (void)uc; (void)size;
    if (a->pace->flags & FLAG_HIT)
        stop_before(a, address);
}

void on_access(void *uc, int type, uint64_t address, int size, int64_t value, void *user)
{
    const watch_t *watch = user;
    pace_t *p = watch->accel->pace;
    (void)uc; (void)type; (void)value;
    if (p->flags & (FLAG_ABORT | FLAG_HIT) || address > watch->last || address + (uint64_t)size <= watch->first)
        return;
    p->hit = watch->first;
    p->flags |= FLAG_HIT;
}
