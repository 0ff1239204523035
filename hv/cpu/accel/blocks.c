/* Counting: what a block holds, told when it is translated, added up when it runs. */
#include "accel.h"

void on_edge(void *uc, uc_tb *tb, uc_tb *prev, void *user)
{
    accel_t *a = user;
    (void)uc; (void)prev;
    uint8_t bytes[8192];
    uint64_t content = 14695981039346656037ull, gpa = ~0ull, got = 0;
    save(a);
    while (got < tb->size) {
        uint64_t here = tb->pc + got, at, n = 4096 - (here & 4095);
        if (n > tb->size - got)
            n = tb->size - got;
        if (a->vmem_translate(a->uc, here, PROT_EXEC_ACCESS, &at) || a->mem_read(a->uc, at, bytes + got, n))
            break;
        if (!got)
            gpa = at;
        watch_page(a, at);
        got += n;
    }
    for (uint64_t i = 0; i < got; i++)
        content = (content ^ bytes[i]) * 1099511628211ull;
    content = (content ^ (load32(a, STATE_HFLAGS) & (HF_CS32 | HF_CS64))) * 1099511628211ull;

    block_t *b = block_slot(a->blocks, a->block_mask, tb->pc, tb->size);
    if (b->state == EMPTY) {
        if (a->block_used * 2 > a->block_mask) {
            if (blocks_grow(a))
                return;
            b = block_slot(a->blocks, a->block_mask, tb->pc, tb->size);
        }
        a->block_used++;
        b->pc = tb->pc;
        b->size = tb->size;
        b->state = KNOWN;
        a->details[b - a->blocks] = (detail_t){ .gpa = gpa };
    }
    detail_t *d = &a->details[b - a->blocks];
    if (d->gpa != gpa || d->shared) {
        /* Another page at the same linear address. Equal bytes may share the entry, others may not;
         * at the same physical address the new bytes replace the old, which cannot run any more. */
        if (d->content != content || b->icount != tb->icount)
            b->state = AMBIGUOUS;
        d->shared = 1;
    }
    if (got < tb->size)
        b->state = AMBIGUOUS;
    if (d->content != content)
        d->restart = RESTART_UNKNOWN;
    d->content = content;
    d->gpa = gpa;
    b->icount = tb->icount;
}

/* The count of a block that the table cannot vouch for. */
static uint32_t ask_icount(accel_t *a, uint64_t pc, uint32_t size)
{
    uc_tb tb = { 0, 0, 0 };
    a->pace->unknown_blocks++;
    if (!a->ctl(a->uc, a->request_cache, pc, &tb)) {
        if (tb.pc == pc && tb.size == size)
            return tb.icount;
        watch_block(a, tb.pc, tb.size);  /* translated only now, for the question */
    }
    save(a);
    return (uint32_t)(resolve(a, pc, size) & 0xffff);
}

/* True when the block must not run. Called when the deadline has come or a flag is set. */
static SELDOM int held_up(accel_t *a)
{
    pace_t *p = a->pace;
    if (vtime(p, p->count) < p->deadline && !(p->flags & (FLAG_STOP | FLAG_ABORT))) {
        if (!(p->flags & ~(uint64_t)FLAG_WATCHED))
            return 0;
        p->window_checks++;
        save(a);
        int interrupt = p->flags & FLAG_WINDOW && load64(a, STATE_RFLAGS) & RFLAGS_IF;
        int nmi = p->flags & FLAG_NMI_WINDOW && !(load32(a, STATE_HFLAGS2) & HF2_NMI_BLOCKED);
        if (!(interrupt || nmi) || load32(a, STATE_HFLAGS) & HF_INHIBIT_IRQ)
            return 0;
    }
    p->now = p->count;
    p->block = 0;
    a->emu_stop(a->uc);
    return 1;
}

/* One instruction inside the block before it: either a jump back, or Unicorn running a store again that
 * changed the block it stands in. Only a control transfer can be the former. */
static void check_restart(accel_t *a, const block_t *before, const block_t *b)
{
    pace_t *p = a->pace;
    int restart = b->state == KNOWN ? a->details[b - a->blocks].restart : RESTART_UNKNOWN;
    if (restart == RESTART_UNKNOWN) {
        save(a);
        restart = resolve(a, b->pc, 0) >> 16 & 0x80 ? RESTART_NO : RESTART_YES;
        if (b->state == KNOWN)
            a->details[b - a->blocks].restart = restart;
    }
    if (restart == RESTART_YES) {
        uint64_t packed = resolve(a, before->pc, b->pc - before->pc);
        p->count = p->count - before->icount + (packed & 0xffff);
    }
}

/* A block that the table does not hold for sure, or of one instruction. The block before it becomes the past. */
static block_t *find_seldom(accel_t *a, uint64_t pc, uint32_t size)
{
    const block_t *before = running(a);
    block_t was = before ? *before : (block_t){ 0 };
    block_t *b = block_slot(a->blocks, a->block_mask, pc, size);
    if (b->state != KNOWN) {
        if (b->state == EMPTY)
            watch_block(a, pc, size);  /* no edge led here, so nobody told that it was translated */
        a->scratch = (block_t){ pc, size, (uint16_t)ask_icount(a, pc, size), AMBIGUOUS };
        b = &a->scratch;
    }
    if (b->icount == 1 && was.icount > 1 && pc - was.pc < was.size)
        check_restart(a, &was, b);
    a->pace->block = 0;
    return b;
}

static inline void enter(accel_t *a, const block_t *b)
{
    a->pace->block = (uintptr_t)b;
    a->pace->count += b->icount;
}

/* The block is the one that a debugger went on with. */
static int resumed_at(const accel_t *a, uint64_t pc)
{
    return pc == a->pace->resume_pc && a->pace->count == a->pace->resume_count;
}

/* Behind the block that a debugger went on with. True when it wants to see this one. */
static int stepped(accel_t *a, uint64_t pc)
{
    pace_t *p = a->pace;
    if (!(p->flags & FLAG_RESUME) || p->flags & FLAG_ABORT)
        return 0;
    p->flags &= ~(uint64_t)(FLAG_RESUME | FLAG_MIDWAY);
    if (!(p->flags & FLAG_STEP))
        return 0;
    p->now = p->count;
    p->block = 0;
    p->left_pc = p->left_end = pc;
    p->flags |= FLAG_STOPPED;
    a->emu_stop(a->uc);
    return 1;
}

/* While memory is watched, the block before may have been cut short where this one begins. */
static int cut_short(accel_t *a, const block_t *before, uint64_t pc)
{
    pace_t *p = a->pace;
    if (!before || !(p->flags & FLAG_WATCHED) || p->flags & (FLAG_ABORT | FLAG_STOPPED))
        return 0;
    if (before->icount < LONG_BLOCK || pc != before->pc + before->size)
        return 0;
    p->left_pc = before->pc;
    p->left_end = pc;
    p->now = p->count;
    p->block = 0;
    p->flags |= FLAG_STOPPED;
    a->emu_stop(a->uc);
    return 1;
}

static SELDOM void on_block_seldom(accel_t *a, uint64_t pc, uint32_t size)
{
    const block_t *before = running(a), *b = NULL;
    if (cut_short(a, before, pc))
        return;
    if (before && pc - before->pc < before->size)
        b = find_seldom(a, pc, size);  /* puts right a count, and with it the time, that has run ahead */
    if (a->pace->flags & FLAG_RESUME && resumed_at(a, pc)) {
        if (!(a->pace->flags & FLAG_MIDWAY) && held_up(a))
            return;
    } else if (stepped(a, pc) || held_up(a)) {
        return;
    }
    enter(a, b ? b : find_seldom(a, pc, size));
}

void on_block(void *uc, uint64_t pc, uint32_t size, void *user)
{
    accel_t *a = user;
    pace_t *p = a->pace;
    (void)uc;
    if (OFTEN(vtime(p, p->count) < p->deadline && !p->flags)) {
        block_t *b = running(a);
        if (b && b->pc == pc && b->size == size && b->state == KNOWN) {
            p->count += b->icount;  /* a loop of one block */
            return;
        }
        b = block_slot(a->blocks, a->block_mask, pc, size);
        if (OFTEN(b->state == KNOWN && b->icount > 1)) {
            enter(a, b);
            return;
        }
        enter(a, find_seldom(a, pc, size));
        return;
    }
    on_block_seldom(a, pc, size);
}
