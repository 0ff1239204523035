/* Coverage: which blocks ran, and how far into each. A second block hook, installed only where it is wanted.
 *
 * A block counts from its first instruction that retired. How many did is known when the next block begins, or
 * the run stops: by how much the count has grown. Python is called for a block that is new, and when one gets
 * further than it ever did; hv/cpu/engine/coverage.py has the twin. */
#include "accel.h"

enum { FREE, STALE, SEEN };  /* STALE: other code may stand there by now */

typedef struct {
    uint64_t pc;
    uint32_t size;
    uint16_t best;         /* the most instructions that retired in one go */
    uint8_t state;
    long long index;       /* Python's name for it */
} covered_t;

typedef struct {
    accel_t *a;
    PyObject *enter, *reach;
    covered_t *table;
    size_t mask, used;
    covered_t current;     /* the block being run; FREE between runs of different blocks */
    uint64_t start;        /* what had retired before it */
    uint16_t icount;
} coverage_t;

static const char CAPSULE[] = "hv.cpu._accel.coverage";

static long long ask(coverage_t *c, PyObject *what, const char *format, uint64_t x, uint64_t y)
{
    long long answer = 0;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(what, format, x, y);
    if (result && result != Py_None)
        answer = PyLong_AsLongLong(result);
    if (PyErr_Occurred())
        carry_error(c->a);
    Py_XDECREF(result);
    PyGILState_Release(gil);
    return answer;
}

static covered_t *covered_slot(covered_t *table, size_t mask, uint64_t pc, uint32_t size)
{
    size_t i = mix(pc, size) & mask;
    while (table[i].state != FREE && (table[i].pc != pc || table[i].size != size))
        i = (i + 1) & mask;
    return &table[i];
}

static int covered_grow(coverage_t *c)
{
    size_t mask = c->mask * 2 + 1;
    covered_t *table = calloc(mask + 1, sizeof *table);
    if (!table)
        return -1;
    for (size_t i = 0; i <= c->mask; i++)
        if (c->table[i].state != FREE)
            *covered_slot(table, mask, c->table[i].pc, c->table[i].size) = c->table[i];
    free(c->table);
    c->table = table;
    c->mask = mask;
    return 0;
}

/* The block that was running is over: so many instructions have retired by now. */
static void settle(coverage_t *c, uint64_t now)
{
    if (c->current.state == FREE)
        return;
    uint64_t done = now > c->start ? now - c->start : 0;
    if (done > c->icount)
        done = c->icount;
    c->current.state = FREE;
    if (done <= c->current.best)
        return;
    covered_t *slot = covered_slot(c->table, c->mask, c->current.pc, c->current.size);
    if (slot->state == SEEN && slot->index == c->current.index)
        slot->best = (uint16_t)done;
    ask(c, c->reach, "LK", (uint64_t)c->current.index, done);
}

static void on_covered_edge(void *uc, uc_tb *tb, uc_tb *prev, void *user)
{
    coverage_t *c = user;
    (void)uc; (void)prev;
    covered_t *slot = covered_slot(c->table, c->mask, tb->pc, tb->size);
    if (slot->state == SEEN)
        slot->state = STALE;
}

/* Whether equal (pc, size) always means equal code at the same place. */
static int unique(const accel_t *a, const block_t *b)
{
    return b != &a->scratch && b->state == KNOWN && !a->details[b - a->blocks].shared;
}

static void on_covered_block(void *uc, uint64_t pc, uint32_t size, void *user)
{
    coverage_t *c = user;
    accel_t *a = c->a;
    const block_t *b = running(a);
    (void)uc;
    if (!b || b->pc != pc || b->size != size)
        return;  /* held up: it does not run now */
    uint64_t before = a->pace->count - b->icount;
    uint16_t icount = b->icount;
    int sure = unique(a, b);
    settle(c, before);
    covered_t *slot = covered_slot(c->table, c->mask, pc, size);
    if (slot->state != SEEN || !sure) {
        if (slot->state == FREE) {
            if (c->used * 2 > c->mask) {
                if (covered_grow(c))
                    return;
                slot = covered_slot(c->table, c->mask, pc, size);
            }
            c->used++;
        }
        *slot = (covered_t){ pc, size, 0, SEEN, ask(c, c->enter, "KK", pc, size) };
    }
    c->current = *slot;
    c->start = before;
    c->icount = icount;
}

static void destroy_coverage(PyObject *capsule)
{
    coverage_t *c = PyCapsule_GetPointer(capsule, CAPSULE);
    Py_XDECREF(c->enter);
    Py_XDECREF(c->reach);
    free(c->table);
    free(c);
}

/* coverage(accelerator's pointer, enter, reach) -> (capsule, user data, block hook, edge hook)
 * enter(pc, size) -> a number for the block that is about to run; reach(number, instructions that retired in it). */
PyObject *coverage(PyObject *self, PyObject *args)
{
    unsigned long long accel;
    PyObject *enter, *reach;
    (void)self;
    if (!PyArg_ParseTuple(args, "KOO", &accel, &enter, &reach))
        return NULL;
    coverage_t *c = calloc(1, sizeof *c);
    if (!c)
        return PyErr_NoMemory();
    c->mask = (1 << 12) - 1;
    c->table = calloc(c->mask + 1, sizeof *c->table);
    if (!c->table) {
        free(c);
        return PyErr_NoMemory();
    }
    c->a = (accel_t *)(uintptr_t)accel;
    c->enter = enter;
    c->reach = reach;
    Py_INCREF(enter);
    Py_INCREF(reach);
    PyObject *capsule = PyCapsule_New(c, CAPSULE, destroy_coverage);
    if (!capsule)
        return NULL;
#define NUMBER(f) (unsigned long long)(uintptr_t)(f)
    return Py_BuildValue("(NKKK)", capsule, NUMBER(c), NUMBER(on_covered_block), NUMBER(on_covered_edge));
}

/* settle_coverage(capsule): the processor has stopped; account for the block it stopped in. */
PyObject *settle_coverage(PyObject *self, PyObject *capsule)
{
    (void)self;
    coverage_t *c = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!c)
        return NULL;
    settle(c, c->a->pace->count);
    Py_RETURN_NONE;
}
