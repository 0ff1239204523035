/* Growing tables: blocks by (pc, size), instructions by their place in a block. */
#include "accel.h"

int blocks_grow(accel_t *a)
{
    size_t mask = a->block_mask * 2 + 1;
    block_t *bigger = calloc(mask + 1, sizeof *bigger);
    detail_t *details = calloc(mask + 1, sizeof *details);
    if (!bigger || !details) {
        free(bigger);
        free(details);
        return -1;
    }
    for (size_t i = 0; i <= a->block_mask; i++)
        if (a->blocks[i].state != EMPTY) {
            block_t *slot = block_slot(bigger, mask, a->blocks[i].pc, a->blocks[i].size);
            *slot = a->blocks[i];
            details[slot - bigger] = a->details[i];
        }
    free(a->blocks);
    free(a->details);
    a->blocks = bigger;
    a->details = details;
    a->block_mask = mask;
    a->pace->block = 0;  /* between blocks: this is called while one is translated */
    return 0;
}

insn_t *insn_slot(insn_t *table, size_t mask, uint64_t pc, uint32_t size, uint32_t off, uint64_t content)
{
    size_t i = mix(pc + off, content) & mask;
    while (table[i].packed && (table[i].pc != pc || table[i].size != size || table[i].off != off ||
                               table[i].content != content))
        i = (i + 1) & mask;
    return &table[i];
}

void insn_learn(accel_t *a, const insn_t *item)
{
    if (a->insn_used * 2 > a->insn_mask) {
        size_t mask = a->insn_mask * 2 + 1;
        insn_t *bigger = calloc(mask + 1, sizeof *bigger);
        if (!bigger)
            return;
        for (size_t i = 0; i <= a->insn_mask; i++) {
            const insn_t *o = &a->insns[i];
            if (o->packed)
                *insn_slot(bigger, mask, o->pc, o->size, o->off, o->content) = *o;
        }
        free(a->insns);
        a->insns = bigger;
        a->insn_mask = mask;
    }
    insn_t *slot = insn_slot(a->insns, a->insn_mask, item->pc, item->size, item->off, item->content);
    a->insn_used += slot->packed == 0;
    *slot = *item;
}
